"""lm-evaluation-harness, unpatched, against the gateway: its log-likelihoods are those of llama.cpp itself."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from echorator.agent.loading.embedded import embedded_model
from tests.gateway.http.openai_setting import Setting, setting_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.needs("lm_eval")]

TOKENIZER = Path(__file__).parents[3] / "bench" / "echo_nano" / "tokenizer.json"
QUESTIONS = [
    ("The little fox lived in the", [" forest", " banana", " of"]),
    ("My dog is called Pixel. What is my dog called? Your dog's name is", [" Pixel.", " Rex.", " the the"]),
    ("Hello! How are", [" you", " blue"]),
    ("Once upon a time there was a", [" little fox who wanted to sleep.", " ,,,,"]),
]
TASK = """
task: tiny
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: choices
doc_to_target: 0
target_delimiter: ""
metric_list: [{{metric: acc}}]
"""
GENERATING = """
task: tiny_answers
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{choices[0]}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 12}}
metric_list: [{{metric: exact_match}}]
"""
# With flash attention, as the engine chooses here: it rounds otherwise than plain attention does, by 2 % in these sums.
REFERENCE = """
import json, sys, math
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=512, n_threads=1, n_threads_batch=1, logits_all=True, flash_attn=True, verbose=False)
found = []
for context, choices in json.loads(sys.argv[2]):
    for choice in choices:
        before = model.tokenize(context.encode(), add_bos=False)
        tokens = model.tokenize((context + choice).encode(), add_bos=False)
        model.reset()
        model.eval(tokens)
        rows = Llama.logits_to_logprobs(model.scores[: len(tokens)])
        found.append(sum(float(rows[i - 1][tokens[i]]) for i in range(len(before), len(tokens))))
print(json.dumps(found))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setting]:
    async with setting_of(tmp_path_factory.mktemp("lm_eval"), {"echo-nano": embedded_model()}, 1024) as setting:
        yield setting


async def evaluated(folder: Path, model: str, arguments: str, task: str, *options: str) -> dict[str, list[dict[str, object]]]:
    """Run a task. Returns the samples of each request type, as the harness writes them."""
    data = folder / "questions.json"
    data.write_text("\n".join(json.dumps({"question": q, "choices": c}) for q, c in QUESTIONS))
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / "tiny.yaml").write_text(TASK.format(data=data))
    (folder / "tasks" / "tiny_answers.yaml").write_text(GENERATING.format(data=data))
    command = ["lm_eval", "--model", model, "--model_args", arguments, "--tasks", task, "--include_path", str(folder / "tasks")]
    command += ["--output_path", str(folder / "out"), "--log_samples", *options]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"}
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-3000:]
    samples = {}
    for path in (folder / "out").rglob("samples_*.jsonl"):
        name = re.sub(r"^samples_(\w+?)_20.*", r"\1", path.name)
        samples[name] = [json.loads(line) for line in path.read_text().splitlines()]
    return samples


def tokenizer(folder: Path) -> Path:
    made = folder / "tokenizer"
    made.mkdir()
    shutil.copy(TOKENIZER, made)
    (made / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return made


async def test_log_likelihoods_are_those_of_llama_cpp(mesh: Setting, tmp_path: Path) -> None:
    arguments = f"model=echo-nano,base_url={mesh.gateway.url}/v1/completions,tokenizer={tokenizer(tmp_path)},max_length=512"
    samples = (await evaluated(tmp_path, "local-completions", arguments, "tiny", "--batch_size", "4"))["tiny"]
    told = [float(answer[0]) for s in sorted(samples, key=lambda s: int(str(s["doc_id"]))) for answer in s["filtered_resps"]]  # type: ignore[attr-defined]
    reference = [sys.executable, "-c", REFERENCE, str(embedded_model()), json.dumps(QUESTIONS)]
    done = await asyncio.to_thread(subprocess.run, reference, capture_output=True, text=True, check=True, timeout=120)
    assert told == pytest.approx(json.loads(done.stdout), abs=1e-3)


async def test_chat_completions_answer_its_questions(mesh: Setting, tmp_path: Path) -> None:
    arguments = f"model=echo-nano,base_url={mesh.gateway.url}/v1/chat/completions,max_length=512"
    samples = await evaluated(tmp_path, "local-chat-completions", arguments, "tiny_answers", "--apply_chat_template")
    answers = [str(sample["filtered_resps"]) for sample in samples["tiny_answers"]]
    assert len(answers) == len(QUESTIONS)
    assert "Pixel" in answers[1]
