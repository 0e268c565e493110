"""Decides what happens to fields that OpenAI's specification does not have, or that this gateway does not serve. Pure.

Clients of other servers send their own fields too. A field that has an effect here under another name is renamed. A field that can have no
effect is accepted, and listed in the answer's header `x-echorator-ignored`. A field that would change the meaning of the answer is refused,
unless its value asks for nothing. Any other field is refused by name, since it is a client's mistake or unknown to this list. Fed by `api`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from echorator.gateway.http.failures import BodyError

RENAMED = {
    "n_predict": "max_tokens",  # llama.cpp's
    "n_cmpl": "n",
    "repeat_last_n": "penalty_last_n",
    "repetition_penalty": "repeat_penalty",  # vLLM's
    "guided_json": "json_schema",
    "guided_grammar": "grammar",
    "random_seed": "seed",  # Mistral's
    "content": "input",  # of llama.cpp's embeddings
    "reasoning_budget_tokens": "thinking_budget_tokens",  # llama.cpp's newer name
    "reasoning_budget": "thinking_budget_tokens",
    "thinking_budget": "thinking_budget_tokens",  # Qwen's
    "thinking_token_budget": "thinking_budget_tokens",  # vLLM's
}
"""Other names of fields that are served; where both are given, the field's own name counts."""

ONLY: dict[str, tuple[Any, ...]] = {
    "modalities": (["text"], []),
    "audio": ({},),
    "lora": ([],),
    "image_data": ([],),
    "use_beam_search": (False,),
    "suffix": ("",),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "documents": ([],),
    "guided_choice": ([],),
    "guided_regex": ("",),
    "structured_outputs": ({},),
    "allowed_token_ids": ([],),
    "bad_words": ([],),
    "web_search_options": ({},),
    "length_penalty": (1, 1.0),
    "include_stop_str_in_output": (False,),
    "truncate_prompt_tokens": (-1,),
}
"""Fields that are not served, with the values that ask for nothing."""

IGNORED = frozenset(
    # OpenAI's: for its own service, or hints
    """metadata store service_tier parallel_tool_calls prompt_cache_retention prompt_cache_options safety_identifier user verbosity
    prediction moderation"""
    # llama.cpp's: the engine here has no such sampler, slot, or report
    """ samplers sampler_seq min_keep dynatemp_range dynatemp_exponent top_n_sigma adaptive_target adaptive_decay tfs_z penalize_nl
    penalty_prompt id_slot slot_id n_keep n_discard n_indent t_max_predict_ms t_max_prompt_ms timings_per_token return_progress
    return_tokens response_fields post_sampling_probs reasoning_format reasoning_budget reasoning_budget_tokens reasoning_budget_message
    thinking_forced_open thinking_budget_tokens parse_tool_calls backend_sampling n_ctx"""
    # vLLM's and SGLang's
    """ min_tokens stop_token_ids skip_special_tokens spaces_between_special_tokens add_special_tokens request_id cache_salt
    guided_decoding_backend guided_whitespace_pattern return_tokens_as_token_ids return_token_ids kv_transfer_params vllm_xargs
    mm_processor_kwargs logits_processors separate_reasoning stream_reasoning no_stop_trim thinking_token_budget"""
    # of Ollama, of gateways and of their clients
    """ keep_alive options think thinking thinking_budget reasoning include_reasoning provider models route transforms plugins usage top_a
    safe_prompt prompt_mode extra_body extra_headers drop_params caching tags guardrails"""
    # of rerankers: scores are as the model computes them, and a document that does not fit is refused
    """ raw_scores truncate truncation return_embeddings""".split()
)
"""Fields that are taken and have no effect."""


def served(body: dict[str, Any], known: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields that have an effect, under the names of `known`, and the names of the fields that are ignored.

    A field that is null counts as not given. Raises BodyError for a field that can neither be served nor be ignored.
    """
    taken: dict[str, Any] = {}
    ignored = []
    for name, value in body.items():
        if value is None:
            continue
        if name in known:
            taken[name] = value
        elif RENAMED.get(name, "") in known:
            taken.setdefault(RENAMED[name], value) if body.get(RENAMED[name]) is None else ignored.append(name)
        elif name in ONLY:
            if not _asks_nothing(value, ONLY[name]):
                raise BodyError(f"{name} is not served here; leave it out", name)
            ignored.append(name)
        elif name in IGNORED or name.startswith("speculative."):
            ignored.append(name)
        else:
            raise BodyError(_unknown(name, known), name[:80])
    return taken, ignored


def renamed_in(body: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    """Return the names under which a body has fields that are served under another one, by the names of `known`."""
    found: dict[str, str] = {}
    for name, value in body.items():
        meant = RENAMED.get(name, "")
        if value is not None and name not in known and meant in known and body.get(meant) is None:
            found.setdefault(meant, name)
    return found


def _asks_nothing(value: Any, neutral: tuple[Any, ...]) -> bool:
    return any(type(value) is type(other) and value == other for other in neutral)


def _unknown(name: str, known: Collection[str]) -> str:
    shown = name[:80]
    near = difflib.get_close_matches(shown, (*known, *RENAMED), 1, 0.75)
    return f"{shown}: there is no such field here" + (f"; did you mean {near[0]}?" if near else "; leave it out")


def without_nulls(value: Any) -> Any:
    """Return an object without its fields that are null; any other value as it is."""
    return {name: part for name, part in value.items() if part is not None} if isinstance(value, Mapping) else value
