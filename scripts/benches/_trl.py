"""Train an adapter with TRL's SFTTrainer, in its own environment; print how fast, as JSON.

    python _trl.py BASE ROWS.jsonl OUT SETTINGS.json DEVICE_BATCH

A row has the token ids of an example and where its target starts, so both sides learn the same.
"""

import json
import sys
import time
from pathlib import Path

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

base, rows, out, settings, device_batch = sys.argv[1:]
asked = json.loads(Path(settings).read_text("utf-8"))
held = [json.loads(line) for line in Path(rows).read_text("utf-8").splitlines()]
data = Dataset.from_list(
    [
        {
            "input_ids": row["ids"],
            "completion_mask": [int(place >= row["start"]) for place in range(len(row["ids"]))],
        }
        for row in held
    ]
)
marks = []


class Clock(TrainerCallback):
    def on_step_end(self, *_, **__):
        marks.append((time.perf_counter(), time.process_time()))


trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(base, dtype="float32"),
    processing_class=AutoTokenizer.from_pretrained(base),
    train_dataset=data,
    args=SFTConfig(
        output_dir=out,
        use_cpu=True,
        bf16=asked["dtype"] == "bfloat16",
        per_device_train_batch_size=int(device_batch),
        gradient_accumulation_steps=asked["batch_size"] // int(device_batch),
        num_train_epochs=asked["epochs"],
        learning_rate=asked["lr"],
        lr_scheduler_type="cosine",
        warmup_steps=asked["warmup"],
        weight_decay=0.0,
        max_grad_norm=1.0,
        max_length=asked["max_length"],
        completion_only_loss=True,
        gradient_checkpointing=False,
        train_sampling_strategy="group_by_length",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=asked["seed"],
        dataloader_pin_memory=False,
    ),
    peft_config=LoraConfig(
        task_type="CAUSAL_LM",
        r=asked["rank"],
        lora_alpha=asked["alpha"],
        lora_dropout=0.0,
        target_modules="all-linear",
    ),
    callbacks=[Clock()],
)
trainer.train()
trainer.save_model(out)
(wall, cpu), (wall_end, cpu_end) = marks[0], marks[-1]
print(json.dumps({"steps": len(marks), "wall": wall_end - wall, "cpu": cpu_end - cpu}))
