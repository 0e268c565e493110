"""Turns the engine's events and counters into reply messages. Pure; feeds `service`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from echorator._native.engine import Event
from echorator.agent.loading.chosen_template import Origin
from echorator.agent.loading.registry import Entry, State
from echorator.model_files.puller import Image, Progress
from echorator.model_names import aliases_of
from echorator.rpc.v1 import model_pb2 as pb

_REASONS = {"stop": pb.FINISH_REASON_STOP, "length": pb.FINISH_REASON_LENGTH}
_STATES = {
    State.LOADING: pb.MODEL_STATE_LOADING,
    State.READY: pb.MODEL_STATE_READY,
    State.DRAINING: pb.MODEL_STATE_DRAINING,
    State.STALLED: pb.MODEL_STATE_STALLED,
}
_UNKNOWN_SIZE = " ?B"  # what llama.cpp writes into a description for a size of model that it does not know
_SLOT_STATES = {"prefill": pb.SLOT_STATE_PREFILL, "decode": pb.SLOT_STATE_DECODE}

_ORIGINS = {
    Origin.OPTION: pb.CHAT_TEMPLATE_ORIGIN_OPTION,
    Origin.IMAGE: pb.CHAT_TEMPLATE_ORIGIN_IMAGE,
    Origin.FILE: pb.CHAT_TEMPLATE_ORIGIN_FILE,
    Origin.DEFAULT: pb.CHAT_TEMPLATE_ORIGIN_DEFAULT,
}


def usage_of(event: Event) -> pb.Usage:
    """Return the usage of a request's last event. Times of what did not happen (no token came) are 0."""
    admitted_s = event.admitted_s or event.finished_s
    first_token_s = event.first_token_s
    decoding_s = event.finished_s - first_token_s if first_token_s else 0.0
    return pb.Usage(
        prompt_tokens=event.prompt_tokens,
        cached_tokens=event.cached_tokens,
        completion_tokens=event.completion_tokens,
        queue_s=max(0.0, admitted_s - event.submitted_s),
        time_to_first_token_s=max(0.0, first_token_s - event.submitted_s) if first_token_s else 0.0,
        tokens_per_s=(event.completion_tokens - 1) / decoding_s if decoding_s > 0 and event.completion_tokens > 1 else 0.0,
        preemptions=event.preemptions,
        reasoning_tokens=event.thought_tokens,
    )


def finish_of(event: Event) -> pb.Finish:
    """Return the Finish message of a last event that ended well."""
    end_token = event.end_token if event.end_token >= 0 else None
    return pb.Finish(reason=_REASONS[event.finish], stop=event.stop, usage=usage_of(event), end_token=end_token)


def logprobs_of(positions: list[list[tuple[int, float]]], bytes_of: Callable[[int], bytes]) -> list[pb.PositionLogprobs]:
    """Return the engine's rows (the chosen token first) as messages; `bytes_of` spells a token."""

    def message(token: int, logprob: float) -> pb.TokenLogprob:
        raw = bytes_of(token)
        return pb.TokenLogprob(token=token, text=raw.decode("utf-8", "replace"), logprob=logprob, raw=raw)

    return [pb.PositionLogprobs(chosen=message(*row[0]), top=[message(*entry) for entry in row[1:]]) for row in positions]


def model_of(entry: Entry, digest: str) -> pb.Model:
    """Return what is known about a model; little of it while the model is being loaded."""
    message = pb.Model(name=entry.name, path=str(entry.settings.path), state=_STATES[entry.state])
    if entry.served is None:
        return message
    info, engine = entry.served.info, entry.served.engine
    message.architecture = info.architecture
    message.description = info.description.replace(_UNKNOWN_SIZE, "")
    message.parameters = info.parameters
    message.size_bytes = info.size_bytes
    message.trained_context_tokens = info.trained_context_tokens
    message.quantisation = info.quantisation
    message.chat_template = entry.served.template_source
    if entry.served.template is not None:
        message.chat_template_origin = _ORIGINS[entry.served.template.origin]
        message.warnings.extend(filter(None, [entry.served.template.warning]))
    message.ranks = info.ranks
    message.file_changed_at_s = entry.served.file_changed_at_s
    message.embedding_length = info.embedding_length
    message.generates = info.generates
    message.digest = digest
    message.lora.extend(pb.Lora(source=str(lora.path), scale=lora.scale, name=lora.name) for lora in entry.settings.lora)
    message.aliases.extend(aliases_of(entry.name, entry.settings.adapter_names))
    if engine is not None:
        message.context_tokens = engine.context_tokens
        message.slots = engine.slots
        message.kv_layout = engine.kv_layout
    return message


def slots_of(rows: Sequence[dict[str, int | str]], slots: int) -> pb.ListSlotsResponse:
    """Return the engine's rows, one for each busy slot, filled up with idle slots."""
    response = pb.ListSlotsResponse()
    for i, row in enumerate(rows):
        response.slots.append(
            pb.Slot(
                id=i,
                state=_SLOT_STATES[str(row["state"])],
                request_id=int(row["request"]),
                prompt_tokens=int(row["prompt_tokens"]),
                cached_tokens=int(row["cached_tokens"]),
                computed_tokens=int(row["computed_tokens"]),
                generated_tokens=int(row["generated_tokens"]),
            )
        )
    response.slots.extend(pb.Slot(id=i, state=pb.SLOT_STATE_IDLE) for i in range(len(rows), slots))
    return response


def stats_of(model: str, slots: int, values: dict[str, float], tokens_per_s: float) -> pb.Stats:
    """Return the engine's counters and gauges as a message."""
    return pb.Stats(
        model=model,
        slots=slots,
        slots_busy=int(values["busy"]),
        queued=int(values["queued"]),
        kv_cells=int(values["cells"]),
        kv_cells_used=int(values["cells_used"]),
        cached_sequences=int(values["cached_sequences"]),
        requests=int(values["requests"]),
        prompt_tokens=int(values["prompt_tokens"]),
        cached_tokens=int(values["cached_tokens"]),
        completion_tokens=int(values["completion_tokens"]),
        steps=int(values["steps"]),
        preemptions=int(values["preemptions"]),
        evictions=int(values["evictions"]),
        decode_s=values["decode_s"],
        sampling_s=values["sampling_s"],
        scheduling_s=values["scheduling_s"],
        tokens_per_s=tokens_per_s,
    )


def pull_of(step: Progress | Image) -> pb.PullModelResponse:
    """Return one message of a pull; an image is the last one."""
    if isinstance(step, Image):
        size = step.size_bytes
        return pb.PullModelResponse(stage="ready", done_bytes=size, total_bytes=size, path=str(step.path), digest=step.digest)
    return pb.PullModelResponse(stage=step.stage, done_bytes=step.done_bytes, total_bytes=step.total_bytes)
