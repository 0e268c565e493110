"""The cases that are answered in another way here, each with its reason."""

from __future__ import annotations

from typing import Any

from tests.gateway.http.peer_cases.case import Body, Unserved
from tests.gateway.http.peer_cases.chat_cases import CHAT, TOOL, chat
from tests.gateway.http.peer_cases.other_cases import embed, own

EMBED = "/v1/embeddings"
IMAGE: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
SOUND: Any = [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]
OF_THE_SPEC = "adapters, slots and models of a mesh are set by specs, for all agents alike"
NAMED = "a mesh serves several models, so a wrong name is never answered by another model"
NO_VISION = "the models here take texts"


def asked(content: Any) -> Body:
    return chat(messages=[{"role": "user", "content": content}])


UNSERVED = [
    Unserved("chat_completion::unknown model name gpt-3.5-turbo", CHAT, chat(model="gpt-3.5-turbo"), 404, NAMED),
    Unserved("chat_completion::unknown model name davinci-002", CHAT, chat(model="davinci-002"), 404, NAMED),
    Unserved("legacy functions", CHAT, chat(functions=[TOOL["function"]]), 400, "OpenAI has replaced them with tools"),
    Unserved("completion::POST /completions", "/completions", own(), 200, "the form is OpenAI's; llama-server's own is /completion"),
    Unserved(
        "n_probs_post_sampling", "/completion", own(n_probs=2, post_sampling_probs=True), 200, "log probabilities are the model's own"
    ),
    Unserved("ctx_shift_enabled", "/completion", own(n_predict=2000, ignore_eos=True), 200, "an answer ends where the context does"),
    Unserved("embedding_pooling_none", EMBED, embed("a b c", pooling="none"), 400, "a vector for each token is not served"),
    Unserved("webui GET /", "/", None, 200, "one line of text; there is no web page", method="GET"),
    Unserved("lora POST /lora-adapters", "/lora-adapters", {}, 501, OF_THE_SPEC),
    Unserved("lora_per_request", CHAT, chat(lora=[{"id": 0, "scale": 1.0}]), 400, OF_THE_SPEC),
    *[Unserved(f"slot_{what}", f"/slots/0?action={what}", {}, 501, OF_THE_SPEC) for what in ("save", "restore", "erase")],
    Unserved("router POST /models/load", "/models/load", {"model": "x"}, 501, OF_THE_SPEC),
    Unserved("router POST /models/unload", "/models/unload", {"model": "x"}, 501, OF_THE_SPEC),
    Unserved("router GET /models/sse", "/models/sse", None, 501, OF_THE_SPEC, method="GET"),
    Unserved("router autoload of a model on disk", CHAT, chat(model="absent"), 404, OF_THE_SPEC),
    Unserved("vision_chat_completion", CHAT, asked(IMAGE), 400, NO_VISION),
    Unserved("audio input", CHAT, asked(SOUND), 400, NO_VISION),
    Unserved("audio transcription", "/v1/audio/transcriptions", {}, 404, NO_VISION),
    Unserved("stream resume", "/v1/stream/x", None, 404, "an answer ends with its connection", method="GET"),
    Unserved("gcp /predict", "/predict", {"instances": []}, 404, "the form of one cloud's service"),
]
