"""`nesy eval` against lm-evaluation-harness's HF backend: the same model, prompts and greedy text.

    NESY_DATA=… scripts/bench eval [--items 300] [--repeat 3] [--zero-shot]

Items of GSM8K (5 examples) and BIG-Bench Hard (3), as many of each; `--zero-shot` shows none. The
harness gets an environment of its own below --work, made on the first call. The two are run in
turn. Of the harness only `generate_until` is timed, of `nesy eval` the whole stage between
loading the model and the report: prompts, decoding, grading, storing. CPU seconds tell the same
on a machine that is busy with other things; --threads 1 keeps waiting out of them. Completions that differ
are asked of the harness again one by one, without the pad that a batch brings. Exit 1 if more
than 1 % of the completions still differ.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHOTS = {"gsm8k": 5, "bbh": 3}  # what the harness's own tasks show
MAY_DIFFER = 0.01  # sums in another order tip a near tie now and then


def main(words):
    asked = _arguments(words)
    asked.work.mkdir(parents=True, exist_ok=True)
    python = _environment(asked.work / "lm-eval")
    env = {
        **os.environ,
        "OMP_NUM_THREADS": str(asked.threads),
        "HF_HUB_OFFLINE": "1",
        "NESY_HOME": str(asked.work / "home"),
        "NESY_STAGE": str(asked.work / "stage.json"),
        "PYTHONPATH": str(ROOT),
        "TOKENIZERS_PARALLELISM": "false",
    }
    wall, cpu = [], []
    for turn in range(asked.repeat):
        ours, texts = _nesy(asked, env)
        theirs = _harness(asked, env, python, asked.work / "prompts.jsonl", asked.batch_size)
        wall.append(theirs["seconds"][0] / ours[0])
        cpu.append(theirs["seconds"][1] / ours[1])
        print(
            f"turn {turn + 1}: {len(texts)} questions; questions per second (and per CPU second): "
            f"harness {_rates(texts, theirs['seconds'])}, nesy {_rates(texts, ours)}",
            flush=True,
        )
    other = sorted(id_ for id_, text in texts.items() if theirs["texts"][id_] != text)
    print(f"the same completions: {len(texts) - len(other)} of {len(texts)}")
    if other:
        alone = _harness(asked, env, python, _only(asked.work, other), "1")["texts"]
        still = [id_ for id_ in other if alone[id_] != texts[id_]]
        print(f"  of the others {len(other) - len(still)} are the same without a batch's pad")
        other = still
    print(
        f"nesy / harness: {statistics.median(wall):.2f} times the questions per second, "
        f"{statistics.median(cpu):.2f} times per CPU second (median of {asked.repeat})"
    )
    return 0 if len(other) <= MAY_DIFFER * len(texts) else 1


def _rates(texts, seconds):
    return f"{len(texts) / seconds[0]:.2f} ({len(texts) / seconds[1]:.2f})"


def _arguments(words):
    parser = argparse.ArgumentParser("scripts/bench eval", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(ROOT / "nesy/models/tiny"), help="a local folder")
    parser.add_argument("--items", type=int, default=300, help="half of each benchmark")
    parser.add_argument("--zero-shot", action="store_true")
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--batch-size", default="64", help="of the harness; auto is 64 at most")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nesy-bench")
    return parser.parse_args(words)


def _environment(folder):
    """The Python of the harness, installed with this project's versions of what both use."""
    python = folder / "bin/python"
    if not (folder / "installed").is_file():
        print(f"installing lm-evaluation-harness into {folder}", flush=True)
        venv.create(folder, with_pip=True)
        wanted = ["lm_eval", "torch", "transformers", "accelerate"]
        pip = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *wanted]
        subprocess.run(pip, check=True)
        (folder / "installed").touch()
    return python


def _nesy(asked, env):
    """Run the commands; return seconds and completions, and leave the prompts for the harness."""
    seconds, texts, rows = [0.0, 0.0], {}, []
    for benchmark, shots in SHOTS.items():
        out = asked.work / benchmark
        command = [
            *(sys.executable, HERE / "_stage.py", "eval", "--quiet"),
            *("--benchmark", benchmark, "--model", asked.model, "--no-resume"),
            *("--limit", str(asked.items // 2), "--max-tokens", str(asked.max_tokens)),
            *("--num-fewshot", str(0 if asked.zero_shot else shots), "--output-dir", out),
        ]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        took = json.loads((asked.work / "stage.json").read_text("utf-8"))
        seconds = [a + b for a, b in zip(seconds, took, strict=True)]
        made = _rendered(out, benchmark, asked)
        rows += made
        held = map(json.loads, (out / "attempts.model.jsonl").read_text("utf-8").splitlines())
        texts |= {one["question"]: one["completion"]["text"] for one in held}
    prompts = "".join(json.dumps(row) + "\n" for row in rows)
    (asked.work / "prompts.jsonl").write_text(prompts, "utf-8")
    return seconds, texts


def _rendered(out, benchmark, asked):
    """The prompts that were answered, rendered again and checked by their hash."""
    from nesy import benchmarks, fewshot, pretrained, prompts
    from nesy.answer import prepare
    from nesy.runs import Run, messages_sha
    from nesy.types import Attempt, Question

    run = Run.open(out)
    questions = run.read("questions", Question)
    examples = None
    if not asked.zero_shot:
        pool = benchmarks.load(benchmark, "train")
        examples = fewshot.examples(pool, SHOTS[benchmark], 0)
    prompt = prompts.load("student" if asked.zero_shot else fewshot.PROMPT)
    sha = {attempt.question: attempt.prompt_sha for attempt in run.read("attempts.model", Attempt)}
    tokenizer = pretrained.load_tokenizer(asked.model)
    rows = []
    for one in prepare(questions, prompt, None, examples):
        assert messages_sha(one.messages) == sha[one.question.id], one.question.id
        rows.append(
            {
                "id": one.question.id,
                "text": pretrained.prompt_text(tokenizer, one.messages)[0],
                "ids": pretrained.prompt_ids(tokenizer, one.messages),
                "stop": list(prompt.stop),
            }
        )
    return rows


def _only(work, ids):
    """Write the prompts of some questions to a file of their own."""
    lines = (work / "prompts.jsonl").read_text("utf-8").splitlines(keepends=True)
    path = work / "some.jsonl"
    path.write_text("".join(line for line in lines if json.loads(line)["id"] in ids), "utf-8")
    return path


def _harness(asked, env, python, prompts, batch_size):
    out = asked.work / "harness.json"
    command = [python, HERE / "_harness.py", asked.model, prompts, out]
    done = subprocess.run(
        [*command, batch_size, str(asked.max_tokens)],
        env={**env, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(out.read_text("utf-8"))
