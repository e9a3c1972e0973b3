"""The daemon and command line on top of kdlib."""
