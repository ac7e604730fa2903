"""LoRA training against TRL's SFTTrainer: same base, rows, effective batch; tokens a second.

    scripts/bench train [--examples 1024] [--epochs 1] [--threads 2] [--repeat 3]

The embedded student learns rationales of the embedded teacher. Both sides get the same token
ids, LoRA on all linear layers, learning rate, warm-up, precision and number of examples a step;
the peer groups its batches by length too, without gradient checkpointing. Timed is from the end
of the first step to the end of the last, in wall and CPU seconds, the two in turn; tokens are
those of the examples, pad not counted. The final loss is that of both adapters on examples that
neither has seen, by one function. The peer gets an environment of its own below --work, made on
the first call. Exit 1 if nesy is less than 1.5 times as fast, or its loss more than 1 % higher.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEER = "trl==1.16.0"
TARGET = 1.5
LOSS = 1.01
HELD_OUT = 200


def main(words):
    asked = _arguments(words)
    asked.work.mkdir(parents=True, exist_ok=True)
    python = asked.peer or _environment(asked.work / "trl")
    settings = {
        **{"rank": 32, "alpha": 64.0, "lr": 2e-3, "epochs": asked.epochs, "warmup": 0.1},
        **{"batch_size": 32, "batch_tokens": 2048, "max_length": 640, "seed": 0},
        "dtype": _dtype(),
    }
    env = {
        **os.environ,
        **{"OMP_NUM_THREADS": str(asked.threads), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
    }
    found = {"nesy": [], "trl": []}
    with tempfile.TemporaryDirectory() as folder:
        base, tokens, held_out = _data(asked, Path(folder), settings)
        tokens *= asked.epochs
        for turn in range(asked.repeat):
            for name in found:
                out = Path(folder) / f"{name}{turn}"
                job = [base, f"{folder}/{name}.jsonl", str(out), f"{folder}/settings.json"]
                run = [sys.executable, str(HERE / "_training.py"), *job]
                if name == "trl":
                    run = [str(python), str(HERE / "_trl.py"), *job, str(asked.device_batch)]
                told = _told(run, env if name == "nesy" else {**env, "PYTHONPATH": ""})
                share = tokens * (told["steps"] - 1) / told["steps"]
                one = {kind: share / told[kind] for kind in ("wall", "cpu")}
                one |= {"loss": _loss(base, out, held_out), "steps": told["steps"]}
                found[name].append(one)
                print(
                    f"turn {turn + 1}: {name:4} {one['wall']:7.0f} tokens/s, "
                    f"{one['cpu']:7.0f} tokens/CPU-s, {one['steps']} steps, "
                    f"loss on held-out examples {one['loss']:.4f}",
                    flush=True,
                )
    middle = {
        name: {key: statistics.median(one[key] for one in some) for key in some[0]}
        for name, some in found.items()
    }
    assert middle["nesy"]["steps"] == middle["trl"]["steps"]
    ratio = {key: middle["nesy"][key] / middle["trl"][key] for key in ("wall", "cpu", "loss")}
    print(
        f"median: {ratio['wall']:.2f} times the tokens a second, {ratio['cpu']:.2f} times those a "
        f"CPU second, {ratio['loss']:.4f} times the loss; {settings['dtype']}, {asked.threads} threads"
    )
    return 0 if ratio["wall"] >= TARGET and ratio["loss"] <= LOSS else 1


def _arguments(words):
    parser = argparse.ArgumentParser("scripts/bench train", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device-batch", type=int, default=8, help="of the peer; 8 is its default")
    parser.add_argument("--peer", type=Path, help="python of an environment that has the peer")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nesy-bench")
    return parser.parse_args(words)


def _environment(folder):
    """The peer's own environment."""
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True)
        wanted = [PEER, "torch", "transformers", "accelerate", "peft", "datasets"]
        pip = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *wanted]
        subprocess.run(pip, check=True)
        (folder / "installed").touch()
    return python


def _dtype():
    """What nesy would compute in here."""
    import torch

    return "bfloat16" if torch.cpu._is_avx512_bf16_supported() else "float32"


def _data(asked, folder, settings):
    """Write the examples for both sides; return (base, tokens of an epoch, held-out examples)."""
    from nesy import benchmarks, models, pretrained, prompts, recipe, rows, views
    from nesy.recipe import View
    from nesy.stages.rationales import judged, lessons_of
    from nesy.types import Rationale, Sampling

    base = pretrained.locate("tiny")
    questions = benchmarks.load("synth", "train", limit=asked.examples + HELD_OUT)
    prompt = prompts.load("teacher-rationale")
    written = models.load("solver").generate(
        [prompt.render(question=q.text) for q in questions], Sampling(max_tokens=2048)
    )
    kept = [judged(q, 0, c) for q, c in zip(questions, written, strict=True)]
    assert all(isinstance(one, Rationale) and one.kept for one in kept)
    lessons = lessons_of(recipe.load("embedded"), questions, kept)
    examples = views.examples(lessons, {"std-cot": View()})
    taught, held_out = examples[:-HELD_OUT], examples[-HELD_OUT:]
    tokenizer = pretrained.load_tokenizer(base)
    cut = rows.Rows.cut(rows.tokenize(tokenizer, taught), taught, settings["max_length"])
    assert len(cut.ids) == len(taught)
    _write(folder / "nesy.jsonl", [asdict(one) for one in taught])
    pairs = zip(cut.ids, cut.starts, strict=True)
    _write(folder / "trl.jsonl", [{"ids": ids, "start": start} for ids, start in pairs])
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    return base, sum(map(len, cut.ids)), held_out


def _write(path, records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")


def _loss(base, adapter, examples):
    """Mean over the target tokens of examples that were not trained on."""
    from nesy import rows
    from nesy.models.hf import HFModel

    student = HFModel(base, adapter=adapter)
    found = student.logprobs([e.messages for e in examples], [e.target for e in examples])
    tokens = rows.tokenize(student.tokenizer, examples)
    return -sum(found) / sum(len(one.target) for one in tokens)


def _told(command, env):
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[1]}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
