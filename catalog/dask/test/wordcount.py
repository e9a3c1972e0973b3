"""The Dask app's probe: counts words over texts on the cluster's workers.

The scheduler is the argument. Reads {"texts": [...], "workers": N} as JSON from one line of stdin; waits until N workers are there; prints one line
of JSON: the workers that took part, the number of words, and the ten most frequent ones.
"""

import collections
import itertools
import json
import sys
import time

import distributed


def counted(text):
    """Count the words of one text; says where it ran."""
    words = collections.Counter(word.strip(".,;:!?()[]{}<>\"'`*#-_|").lower() for word in text.split())
    words = collections.Counter({word: times for word, times in words.items() if word.isalpha()})
    return distributed.get_worker().name, dict(words)


def main():
    """Run the count and print what came out."""
    asked = json.loads(sys.stdin.readline())
    began = time.monotonic()
    with distributed.Client(sys.argv[1]) as client:
        client.wait_for_workers(asked["workers"], timeout=60)
        workers = list(client.scheduler_info(n_workers=-1)["workers"])
        # Each worker gets its share by name: one that is quick would take the others' else.
        turns = zip(asked["texts"], itertools.cycle(workers))
        futures = [client.submit(counted, text, workers=[worker], pure=False) for text, worker in turns]
        parts = client.gather(futures)
    total = collections.Counter()
    for _, words in parts:
        total.update(words)
    used = sorted({name for name, _ in parts})
    ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:10]
    seconds = round(time.monotonic() - began, 2)
    print(json.dumps({"known": len(workers), "used": used, "words": sum(total.values()), "top": ranked, "seconds": seconds}))


if __name__ == "__main__":
    main()
