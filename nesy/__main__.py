"""``python -m nesy``, as ``accelerate launch -m nesy`` and ``torchrun -m nesy`` start it."""

from nesy.cli import main

if __name__ == "__main__":
    main()
