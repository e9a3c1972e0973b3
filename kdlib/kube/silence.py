"""Why no answer came, in the words of who has to do something about it.

Layer: shell.
"""

import os
import ssl

import aiohttp

__all__ = ["why_silent"]

_CLOCKS = "compare the clock of this machine with that of the API server's"
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAMES = frozenset({62, 64})
"""Names and addresses; see https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/."""
_GO_ROUND = "or go round it: NO_PROXY names hosts that are reached without one"


def why_silent(error: BaseException, limit_seconds: float) -> str:
    """Say why no answer came, without the client library's wrapping of what the system said, and what to do about it.

    What a proxy is called is left out but for host and port: its URL may hold a password.
    """
    match error:
        case TimeoutError():
            return f"nothing came within {limit_seconds:g} s"
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as refused):
            words = refused.verify_message.removesuffix(".")
            return f"its certificate is not to be trusted: {words}; {_remedy(refused.verify_code)}"
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason=str() as reason)):
            words = reason.lower().replace("_", " ")
            return f"it speaks no TLS that we understand ({words}); look whether address and port are the API server's"
        case aiohttp.ClientHttpProxyError(status=407):
            return (
                f"the proxy before it wants to know who we are (407); write user and password into its URL, {_GO_ROUND}"
            )
        case aiohttp.ClientHttpProxyError(status=status, message=message):
            return f"the proxy before it answers {status} {message}".rstrip() + f"; look after the proxy, {_GO_ROUND}"
        case aiohttp.ClientProxyConnectionError(host=host, port=port, os_error=OSError() as refused):
            return f"the proxy before it, {host}:{port}, is not reached: {_system(refused)}; start it, {_GO_ROUND}"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int() as number) as refused) if number > 0:
            return _system(refused)
        case _:
            return str(error) or type(error).__name__


def _remedy(code: int) -> str:
    """Return what to do about a certificate that is refused, by OpenSSL's code."""
    if code == _NOT_YET_VALID:
        return _CLOCKS
    if code == _EXPIRED:
        return f"have it renewed, or {_CLOCKS}"
    if code in _OTHER_NAMES:
        return "name the API server as its certificate does, or give that name as tls-server-name"
    return "give the certificate authority that signed it as certificate-authority"


def _system(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
