# distutils: language = c++
"""The Python face of the native engine: converts values and errors, and releases the GIL; engine.hpp does the work.

`engine.pyi` documents what is here. C++ exceptions are translated: invalid_argument is the caller's mistake,
runtime_error a lack of resources or a failure of llama.cpp.

Over 400 lines, since a cdef class cannot be cimported between these modules: model, engine and embedder stay together.
"""

from collections import namedtuple

from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.utility cimport move
from libcpp.vector cimport vector

cimport llama
from cpython.unicode cimport PyUnicode_DecodeUTF8
from headers.adapters cimport Adapters
from headers.embedder cimport Embedder as CEmbedder
from headers.engine cimport Engine as CEngine
from headers.engine_values cimport EngineOptions, EngineStats, SlotState, SubmitArgs
from headers.engine_values cimport Event as CEvent
from headers.grammar cimport Grammar as CGrammar
from headers.grammar_builder cimport make_grammar
from headers.log_ring cimport LogLine, LogRing
from headers.memory_needs cimport DeviceNeeds as CDeviceNeeds
from headers.memory_needs cimport memory_needs as c_memory_needs
from headers.plan cimport SubmitResult
from headers.prefix_tree cimport kMaxSequences
from headers.sampler cimport SamplingParams
from headers.token_trie cimport TokenTrie as CTokenTrie
from headers.vocabulary cimport token_bytes, token_finder, token_trie

import random

from echorator import _native, machine
from echorator.errors import (
    ContextOverflowError,
    DrainingError,
    EngineError,
    InvalidRequestError,
    ModelFileError,
    QueueFullError,
    ResourceError,
)


cdef extern from *:
    """
    static const char * built_for() { return ECHORATOR_BUILT_FOR; }
    """
    const char * built_for()


BUILT_FOR = built_for().decode()
_native.check_version(BUILT_FOR, _native.LLAMA_CPP_PYTHON)
LLAMA_CPP = llama.llama_version().decode()

LogRing.instance().install()
llama.llama_backend_init()

Event = namedtuple(
    "Event",
    "request text tokens logprobs prompt_logprobs finish stop message end_token prompt_tokens cached_tokens completion_tokens thought_tokens "
    "preemptions submitted_s admitted_s first_token_s finished_s",
)
Watch = namedtuple(
    "Watch",
    "thought_open thought_close in_thought triggers wakes spelled thought_end thought_budget",
    defaults=("", "", False, (), False, (), (), -1),
)
SpecialToken = namedtuple("SpecialToken", "id text control strips_left strips_right ends")
DeviceNeeds = namedtuple("DeviceNeeds", "device weights mapped context compute free")
ModelInfo = namedtuple(
    "ModelInfo",
    "architecture name description parameters size_bytes trained_context_tokens embedding_length vocabulary quantisation "
    "chat_template bos eos add_bos add_eos recurrent hybrid sliding_window generates ranks gpu_offload",
)
TokenMarks = namedtuple("TokenMarks", "bos eos sep fim_prefix fim_suffix fim_middle fim_repository fim_file add_bos add_eos add_sep")

_KV_TYPES = {
    "f32": llama.GGML_TYPE_F32, "f16": llama.GGML_TYPE_F16, "bf16": llama.GGML_TYPE_BF16, "q8_0": llama.GGML_TYPE_Q8_0,
    "q4_0": llama.GGML_TYPE_Q4_0, "q4_1": llama.GGML_TYPE_Q4_1, "iq4_nl": llama.GGML_TYPE_IQ4_NL,
    "q5_0": llama.GGML_TYPE_Q5_0, "q5_1": llama.GGML_TYPE_Q5_1,
}
_SPLIT_MODES = {
    "none": llama.LLAMA_SPLIT_MODE_NONE, "layer": llama.LLAMA_SPLIT_MODE_LAYER,
    "row": llama.LLAMA_SPLIT_MODE_ROW, "tensor": llama.LLAMA_SPLIT_MODE_TENSOR,
}
_FLASH_ATTENTION = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO, "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_POOLINGS = {
    "": llama.LLAMA_POOLING_TYPE_UNSPECIFIED, "mean": llama.LLAMA_POOLING_TYPE_MEAN,
    "cls": llama.LLAMA_POOLING_TYPE_CLS, "last": llama.LLAMA_POOLING_TYPE_LAST, "rank": llama.LLAMA_POOLING_TYPE_RANK,
}
_FINISHES = ("", "stop", "length", "cancelled", "deadline", "error", "refused")
_LONGEST_DEFAULT_CONTEXT = 32768
_FIRST_EMBED_TOKENS = 2048  # of the context that an embedder begins with; its buffers grow with it
_UTF8_BYTES = (*range(0xC0), *range(0xC2, 0xF5))  # those that a text can have
_ONE_THREAD_BYTES = 16 << 20  # below it threads wait for each other longer than they compute


def listen_to_log(int level):
    return LogRing.instance().listen(level)


def drain_log():
    cdef uint64_t left_out = 0
    cdef vector[LogLine] lines = LogRing.instance().drain(left_out)
    return [(line.level, line.text.decode("utf-8", "replace")) for line in lines], left_out


def wake_log():
    LogRing.instance().wake()


cdef str _llama_log():
    cdef string lines = LogRing.instance().take()
    text = lines.decode("utf-8", "replace").strip().splitlines()
    return "; ".join(line.strip() for line in text[-3:])


cdef cbool _progress(float progress, void * data) noexcept with gil:
    try:
        return (<object> data)(progress) is not False
    except Exception:  # an observer's mistake must not stop the load
        return True


cdef class _Trie:
    cdef shared_ptr[const CTokenTrie] trie


cdef class Model:
    cdef llama.llama_model * model
    cdef const llama.llama_vocab * vocab
    cdef Adapters adapters
    cdef dict _adapter_sets  # by the name of an adapter; "": the adapters of every request
    cdef readonly object info
    cdef dict _metadata
    cdef dict _tries  # by the control tokens that have a text in them; each is made for the first grammar that needs it

    def __cinit__(self, settings, on_progress=None, bint vocabulary_only=False, bint empty=False):
        cdef llama.llama_model_params params = llama.llama_model_default_params()
        self._tries = {}
        self._adapter_sets = {"": 0}
        cdef vector[float] split = settings.tensor_split
        cdef bytes path = str(settings.path).encode()
        cdef const char * c_path = path
        if split.size() > llama.llama_max_devices():
            raise InvalidRequestError(f"tensor_split names {split.size()} devices; llama.cpp knows at most {llama.llama_max_devices()}")
        split.resize(max(<size_t> 1, llama.llama_max_devices()))
        params.vocab_only = vocabulary_only
        params.n_gpu_layers = settings.gpu_layers
        params.split_mode = _SPLIT_MODES[settings.split_mode]
        params.main_gpu = settings.main_gpu
        params.use_extra_bufts = settings.repack
        if settings.tensor_split:
            params.tensor_split = split.data()
        if settings.mlock:
            params.load_mode = llama.LLAMA_LOAD_MODE_MMAP_MLOCK if settings.mmap else llama.LLAMA_LOAD_MODE_MLOCK
        else:
            params.load_mode = llama.LLAMA_LOAD_MODE_MMAP if settings.mmap else llama.LLAMA_LOAD_MODE_NONE
        if empty:
            params.no_alloc = True
            params.load_mode = llama.LLAMA_LOAD_MODE_NONE
        if on_progress is not None:
            params.progress_callback = _progress
            params.progress_callback_user_data = <void *> on_progress
        if not settings.path.is_file():
            raise ModelFileError(f"{settings.path}: no such file")
        LogRing.instance().take()
        try:
            with nogil:
                self.model = llama.llama_model_load_from_file(c_path, params)
        except MemoryError as e:
            raise ResourceError(f"{settings.path}: there is not enough memory to load it") from e
        except (RuntimeError, ValueError) as e:
            raise ModelFileError(f"{settings.path}: {e}") from e
        if self.model is NULL:
            reason = _llama_log() or "no reason given"
            kind = ResourceError if "allocat" in reason or "mmap failed" in reason else ModelFileError
            raise kind(f"{settings.path}: llama.cpp cannot load it: {reason}")
        for lora in () if empty or vocabulary_only else settings.lora:
            self._adapt(lora)
        self.vocab = llama.llama_model_get_vocab(self.model)
        self._metadata = self._read_metadata()
        self.info = self._read_info()
        if self.info.trained_context_tokens < 0:
            raise ModelFileError(f"{settings.path}: its context length is none that llama.cpp can count to; the file is damaged")

    def __dealloc__(self):
        if self.model is not NULL:
            llama.llama_model_free(self.model)

    cdef object _adapt(self, object lora):
        """With one more adapter. Raises ModelFileError."""
        cdef bytes path = str(lora.path).encode()
        cdef const char * c_path = path
        cdef llama.llama_adapter_lora * adapter
        if not lora.path.is_file():
            raise ModelFileError(f"{lora.path}: no such file; it was to be a LoRA adapter")
        LogRing.instance().take()
        try:
            with nogil:
                adapter = llama.llama_adapter_lora_init(self.model, c_path)
        except (RuntimeError, ValueError, MemoryError) as e:
            raise ModelFileError(f"{lora.path}: {e}") from e
        if adapter is NULL:
            raise ModelFileError(f"{lora.path} is no LoRA adapter of this model: {_llama_log() or 'no reason given'}")
        if llama.llama_adapter_get_alora_n_invocation_tokens(adapter):
            raise ModelFileError(f"{lora.path} is an activated LoRA (aLoRA), which works from a certain text on; only plain LoRA is taken")
        if lora.name:
            self.adapters.add_set(adapter, lora.scale)
            self._adapter_sets[lora.name] = self.adapters.sets() - 1
        else:
            self.adapters.add(adapter, lora.scale)

    cdef int adapter_set(self, str name) except -1:
        if name not in self._adapter_sets:
            known = ", ".join(filter(None, self._adapter_sets)) or "none"
            raise InvalidRequestError(f"no adapter {name[:64]!r} is loaded; loaded: {known}")
        return self._adapter_sets[name]

    cdef shared_ptr[const CTokenTrie] tokens(self, tuple spelled) except *:
        cdef _Trie trie = self._tries.get(spelled)
        if trie is None:
            trie = self._tries[spelled] = _Trie()
            trie.trie = token_trie(self.vocab, self.checked(spelled))
        return trie.trie

    cdef dict _read_metadata(self):
        cdef char key[512]
        cdef bytearray value = bytearray(4096)
        cdef int32_t length
        out = {}
        for i in range(llama.llama_model_meta_count(self.model)):
            if llama.llama_model_meta_key_by_index(self.model, i, key, sizeof(key)) < 0:
                continue
            length = llama.llama_model_meta_val_str_by_index(self.model, i, value, len(value))
            if length >= len(value):
                value = bytearray(length + 1)
                llama.llama_model_meta_val_str_by_index(self.model, i, value, len(value))
            out[(<bytes> key).decode("utf-8", "replace")] = bytes(value[:max(0, length)]).decode("utf-8", "replace")
        return out

    cdef object _read_info(self):
        cdef char text[256]
        cdef const char * template = llama.llama_model_chat_template(self.model, NULL)
        llama.llama_model_desc(self.model, text, sizeof(text))
        return ModelInfo(
            architecture=self._metadata.get("general.architecture", ""),
            name=self._metadata.get("general.name", ""),
            description=(<bytes> text).decode("utf-8", "replace"),
            parameters=llama.llama_model_n_params(self.model),
            size_bytes=llama.llama_model_size(self.model),
            trained_context_tokens=llama.llama_model_n_ctx_train(self.model),
            embedding_length=llama.llama_model_n_embd_out(self.model),
            vocabulary=llama.llama_vocab_n_tokens(self.vocab),
            quantisation=(<bytes> llama.llama_ftype_name(llama.llama_model_ftype(self.model))).decode(),
            chat_template="" if template is NULL else (<bytes> template).decode("utf-8", "replace"),
            bos=self._token_text(llama.llama_vocab_bos(self.vocab)),
            eos=self._token_text(llama.llama_vocab_eos(self.vocab)),
            add_bos=bool(llama.llama_vocab_get_add_bos(self.vocab)),
            add_eos=bool(llama.llama_vocab_get_add_eos(self.vocab)),
            recurrent=bool(llama.llama_model_is_recurrent(self.model)),
            hybrid=bool(llama.llama_model_is_hybrid(self.model)),
            sliding_window=llama.llama_model_n_swa(self.model),
            generates=bool(llama.llama_model_has_decoder(self.model)) and self._metadata.get(
                self._metadata.get("general.architecture", "") + ".attention.causal", "true") == "true",
            ranks=self._metadata.get(self._metadata.get("general.architecture", "") + ".pooling_type") == str(
                <int> llama.LLAMA_POOLING_TYPE_RANK),
            gpu_offload=bool(llama.llama_supports_gpu_offload()),
        )

    cdef str _token_text(self, int32_t token):
        return "" if token < 0 else (<bytes> llama.llama_vocab_get_text(self.vocab, token)).decode("utf-8", "replace")

    def metadata(self):
        return dict(self._metadata)

    def tokenize(self, str text, bint add_special=True, bint parse_special=False):
        cdef bytes data = text.encode("utf-8")
        cdef const char * c_data = data
        cdef int32_t size = <int32_t> len(data)
        cdef vector[int32_t] tokens
        cdef int32_t n
        tokens.resize(size + 8)
        try:
            with nogil:
                n = llama.llama_tokenize(self.vocab, c_data, size, tokens.data(), <int32_t> tokens.size(), add_special, parse_special)
                if n < 0:
                    tokens.resize(-n)
                    n = llama.llama_tokenize(self.vocab, c_data, size, tokens.data(), <int32_t> tokens.size(), add_special, parse_special)
        except (RuntimeError, ValueError, IndexError) as e:
            raise InvalidRequestError(f"the model's tokenizer refuses the text: {e}") from e
        if n < 0:
            raise InvalidRequestError("the text is too long to tokenize")
        tokens.resize(n)
        return tokens

    def token_sizes(self):
        cdef string piece
        cdef int32_t n, token
        cdef int32_t longest = 1
        cdef cbool stripping = False
        cdef bytearray seen = bytearray(256)
        piece.resize(256)
        for token in range(llama.llama_vocab_n_tokens(self.vocab)):
            attributes = llama.llama_vocab_get_attr(self.vocab, token)
            stripping = stripping or (attributes & (llama.LLAMA_TOKEN_ATTR_LSTRIP | llama.LLAMA_TOKEN_ATTR_RSTRIP)) != 0
            n = llama.llama_token_to_piece(self.vocab, token, piece.data(), <int32_t> piece.size(), 0, True)
            if n == 1:
                seen[<unsigned char> piece[0]] = 1
            longest = max(longest, abs(n))
        return longest, all(seen[byte] for byte in _UTF8_BYTES) and not stripping

    cdef vector[int32_t] checked(self, object tokens) except *:
        cdef vector[int32_t] out = tokens
        cdef int32_t vocabulary = llama.llama_vocab_n_tokens(self.vocab)
        for token in out:
            if token < 0 or token >= vocabulary:
                raise InvalidRequestError(f"token {token} is not in the vocabulary (0..{vocabulary - 1})")
        return out

    def detokenize(self, tokens, bint special=False):
        cdef vector[int32_t] ids = self.checked(tokens)
        cdef string text
        cdef int32_t n
        text.resize(ids.size() * 8 + 64)
        with nogil:
            n = llama.llama_detokenize(self.vocab, ids.data(), <int32_t> ids.size(), text.data(), <int32_t> text.size(), False, special)
            if n < 0:
                text.resize(-n)
                n = llama.llama_detokenize(self.vocab, ids.data(), <int32_t> ids.size(), text.data(), <int32_t> text.size(), False, special)
        return PyUnicode_DecodeUTF8(text.data(), max(0, n), "replace")

    def token_bytes(self, int32_t token, bint special=False):
        self.checked([token])
        return token_bytes(self.vocab, token, special)

    def marks(self):
        return TokenMarks(
            bos=llama.llama_vocab_bos(self.vocab),
            eos=llama.llama_vocab_eos(self.vocab),
            sep=llama.llama_vocab_sep(self.vocab),
            fim_prefix=llama.llama_vocab_fim_pre(self.vocab),
            fim_suffix=llama.llama_vocab_fim_suf(self.vocab),
            fim_middle=llama.llama_vocab_fim_mid(self.vocab),
            fim_repository=llama.llama_vocab_fim_rep(self.vocab),
            fim_file=llama.llama_vocab_fim_sep(self.vocab),
            add_bos=bool(llama.llama_vocab_get_add_bos(self.vocab)),
            add_eos=bool(llama.llama_vocab_get_add_eos(self.vocab)),
            add_sep=bool(llama.llama_vocab_get_add_sep(self.vocab)),
        )

    def special_tokens(self):
        cdef int attributes
        found = []
        for token in range(llama.llama_vocab_n_tokens(self.vocab)):
            attributes = <int> llama.llama_vocab_get_attr(self.vocab, token)
            control = bool(attributes & (<int> llama.LLAMA_TOKEN_ATTR_CONTROL | <int> llama.LLAMA_TOKEN_ATTR_UNKNOWN))
            if control or attributes & <int> llama.LLAMA_TOKEN_ATTR_USER_DEFINED:
                found.append(SpecialToken(
                    id=token,
                    text=self._token_text(token),
                    control=control,
                    strips_left=bool(attributes & <int> llama.LLAMA_TOKEN_ATTR_LSTRIP),
                    strips_right=bool(attributes & <int> llama.LLAMA_TOKEN_ATTR_RSTRIP),
                    ends=bool(llama.llama_vocab_is_eog(self.vocab, token)),
                ))
        return found

    def compile_grammar(self, str text, spelled=()):
        return Grammar(self, text, spelled)


cdef class Grammar:
    cdef shared_ptr[const CGrammar] grammar
    cdef shared_ptr[const CTokenTrie] trie

    def __init__(self, Model model, str text, spelled=()):
        cdef string c_text = text.encode()
        if not text.strip():
            raise InvalidRequestError("the grammar is empty; leave it out to generate without one")
        try:
            with nogil:
                self.grammar = make_grammar(c_text, token_finder(model.vocab))
            self.trie = model.tokens(tuple(sorted(spelled)))
        except ValueError as e:
            raise InvalidRequestError(f"the grammar cannot be used: {e}") from e
        except RuntimeError as e:
            raise ResourceError(str(e)) from e

    @property
    def states(self):
        return self.grammar.get().states()


cdef llama.llama_context_params _context_params(object settings, object model):
    cdef llama.llama_context_params params = llama.llama_context_default_params()
    cores = 1 if model.info.size_bytes < _ONE_THREAD_BYTES else machine.cores(machine.ROOT)
    threads = settings.threads or cores
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = _FLASH_ATTENTION[settings.flash_attention]
    params.type_k = _KV_TYPES[settings.kv_type_k]
    params.type_v = _KV_TYPES[settings.kv_type_v]
    params.offload_kqv = settings.offload_kqv
    params.swa_full = settings.swa_full
    params.no_perf = True
    return params


cdef void _set_sampling(SamplingParams * to, object s, int logprobs) except *:
    to.temperature = s.temperature
    to.top_k = s.top_k
    to.top_p = s.top_p
    to.min_p = s.min_p
    to.typical_p = s.typical_p
    to.repeat_penalty = s.repeat_penalty
    to.presence_penalty = s.presence_penalty
    to.frequency_penalty = s.frequency_penalty
    to.penalty_last_n = s.penalty_last_n
    to.dry_multiplier = s.dry_multiplier
    to.dry_base = s.dry_base
    to.dry_allowed_length = s.dry_allowed_length
    to.dry_penalty_last_n = s.dry_penalty_last_n
    to.xtc_probability = s.xtc_probability
    to.xtc_threshold = s.xtc_threshold
    to.mirostat = s.mirostat
    to.mirostat_tau = s.mirostat_tau
    to.mirostat_eta = s.mirostat_eta
    to.seed = random.getrandbits(32) if s.seed is None else s.seed
    to.logprobs = logprobs
    if s.dry_multiplier > 0:
        for text in s.dry_sequence_breakers:
            to.dry_breakers.push_back(text.encode())
    for token, bias in s.logit_bias:
        to.bias.push_back(pair[int32_t, float](token, bias))


cdef void _set_watch(SamplingParams * to, object watch, Model model) except *:
    to.watch.thought_open = watch.thought_open.encode()
    to.watch.thought_close = watch.thought_close.encode()
    to.watch.in_thought = watch.in_thought
    to.watch.wakes = watch.wakes
    for text in watch.triggers:
        to.watch.triggers.push_back(text.encode())
    to.spelled = model.checked(sorted(watch.spelled))
    to.thought_end = model.checked(watch.thought_end)
    to.thought_budget = watch.thought_budget


cdef void _set_options(EngineOptions * to, object settings, Model model) except *:
    to.context = _context_params(settings, model)
    to.adapters = model.adapters
    trained = max(64, model.info.trained_context_tokens)
    total = settings.context_tokens or min(settings.slots * trained, _LONGEST_DEFAULT_CONTEXT)
    to.context.n_ctx = total
    to.context.n_batch = min(settings.batch_tokens, max(32, total))
    to.context.n_ubatch = min(settings.ubatch_tokens, settings.batch_tokens)
    to.slots = settings.slots
    to.cache_sequences = settings.slots if settings.cache_sequences < 0 else settings.cache_sequences
    to.queue_limit = settings.queue_limit
    to.kv_layout = settings.kv_layout.encode()
    to.prefix_cache = settings.prefix_cache
    to.stall_factor = settings.stall_factor
    to.messages_per_s = settings.messages_per_s
    to.priority_wait_s = settings.priority_wait_s


cdef llama.llama_context_params _embed_params(object settings, Model model, str pooling, int tokens) except *:
    return CEmbedder.settled(_context_params(settings, model), tokens, <llama.llama_pooling_type> <int> _POOLINGS[pooling])


def most_embed_tokens(settings, info):
    trained = info.trained_context_tokens or _FIRST_EMBED_TOKENS
    return min(trained, settings.context_tokens or (_LONGEST_DEFAULT_CONTEXT if info.generates else trained))


def first_embed_tokens(settings, info):
    return min(most_embed_tokens(settings, info), _FIRST_EMBED_TOKENS)


def memory_needs(settings, int embed_tokens=0):
    cdef EngineOptions options
    cdef vector[CDeviceNeeds] needs
    cdef Model model = Model(settings, empty=True)
    cdef cbool mapped = settings.mmap
    _set_options(&options, settings, model)
    if embed_tokens or not model.info.generates:
        options.slots = 0
        options.context = _embed_params(settings, model, "", embed_tokens or first_embed_tokens(settings, model.info))
    LogRing.instance().take()
    try:
        with nogil:
            needs = c_memory_needs(model.model, options, kMaxSequences, mapped)
    except (RuntimeError, ValueError) as e:
        raise ModelFileError(f"{settings.path}: {e} ({_llama_log() or 'no reason given'})") from e
    return [DeviceNeeds(n.device.decode(), n.weights, n.mapped, n.context, n.compute, n.free) for n in needs], model.info


cdef class Engine:
    cdef unique_ptr[CEngine] engine
    cdef Model model
    cdef readonly int context_tokens, slots, event_fd
    cdef readonly str kv_layout
    cdef readonly bint whole_state
    cdef bint _draining, _closed
    cdef object _queue_limit

    def __init__(self, Model model, settings):
        cdef EngineOptions options
        cdef llama.llama_model * weights = model.model
        self.model = model
        _set_options(&options, settings, model)
        LogRing.instance().take()
        try:
            with nogil:
                self.engine.reset(new CEngine(weights, options))
        except ValueError as e:
            raise ModelFileError(str(e)) from e
        except (RuntimeError, MemoryError) as e:
            raise ResourceError(f"{e} ({_llama_log()})") from e
        self.context_tokens = self.engine.get().request_tokens()
        self.slots = settings.slots
        self.event_fd = self.engine.get().event_fd()
        self.kv_layout = "unified" if self.engine.get().unified() else "separate"
        self.whole_state = self.engine.get().whole_state()
        self._queue_limit = settings.queue_limit

    def submit(self, prompt, sampling, *, int max_tokens=-1, stop=(), bint ignore_eos=False, int priority=0,
               double deadline_s=0.0, int logprobs=-1, int prompt_logprobs=-1, bint use_cache=True, uint64_t scope=0, Grammar grammar=None,
               watch=None, str adapter=""):
        cdef SubmitArgs args
        cdef SubmitResult code = SubmitResult.ok
        cdef uint64_t request = 0
        if self._draining or self._closed:
            raise DrainingError("the model is being unloaded; ask another server")
        if max_tokens < -1:
            raise InvalidRequestError(f"max_tokens must be 0 or more, not {max_tokens}; leave it out for the rest of the context")
        if not -1 <= logprobs <= 20 or not -1 <= prompt_logprobs <= 20:
            raise InvalidRequestError(f"logprobs and prompt_logprobs must be 0..20, not {logprobs} and {prompt_logprobs}")
        if not -100 <= priority <= 100:
            raise InvalidRequestError(f"priority must be -100..100, not {priority}")
        args.prompt = self.model.checked(prompt)
        _set_sampling(&args.sampling, sampling, logprobs)
        if watch is not None:
            _set_watch(&args.sampling, watch, self.model)
        if grammar is None and sampling.grammar:
            grammar = Grammar(self.model, sampling.grammar)
        if grammar is not None:
            args.sampling.grammar = grammar.grammar
            args.sampling.trie = grammar.trie
        args.max_tokens = max_tokens
        args.prompt_logprobs = prompt_logprobs
        for text in stop:
            if not text:
                raise InvalidRequestError("a stop text must not be empty")
            args.stops.push_back(text.encode())
        args.ignore_eos = ignore_eos
        args.priority = priority
        args.deadline_s = deadline_s
        args.use_cache = use_cache
        args.scope = scope
        args.adapter_set = self.model.adapter_set(adapter)
        size = args.prompt.size()
        try:
            with nogil:
                request = self.engine.get().submit(move(args), code)
        except ValueError as e:
            raise InvalidRequestError(str(e)) from e
        if code == SubmitResult.empty_prompt:
            raise InvalidRequestError("the prompt is empty; give at least one token")
        if code == SubmitResult.too_long:
            raise ContextOverflowError(
                f"the prompt has {size} tokens, the context {self.context_tokens}, of which one is left for the answer; "
                "shorten the prompt or serve the model with a larger context"
            )
        if code == SubmitResult.queue_full:
            raise QueueFullError(f"{self._queue_limit} requests wait already; try again later or serve with more slots",
                                 self._retry_after_s())
        return request

    def _retry_after_s(self):
        """A guess at when a place in the queue is free: the mean time per request so far, bounded to 0.1..10 s."""
        cdef EngineStats s = self.engine.get().stats()
        busy_s = s.decode_s + s.sampling_s + s.scheduling_s
        return min(10.0, max(0.1, busy_s / max(1, s.requests)))

    def cancel(self, uint64_t request):
        if not self._closed:
            self.engine.get().cancel(request)

    def forget_scope(self, uint64_t scope):
        if not self._closed:
            self.engine.get().forget_scope(scope)

    def drain(self):
        cdef vector[CEvent] events
        cdef CEvent * e
        cdef list out = []
        if self._closed:
            return out
        events = self.engine.get().drain()
        for i in range(events.size()):
            e = &events[i]
            out.append(Event(
                e.request, PyUnicode_DecodeUTF8(e.text.data(), e.text.size(), "strict"), e.tokens, e.logprobs, e.prompt_logprobs,
                _FINISHES[<int> e.finish], e.stop.decode() if not e.stop.empty() else "",
                e.message.decode("utf-8", "replace") if not e.message.empty() else "",
                e.end_token, e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.thought_tokens, e.preemptions,
                e.submitted_s, e.admitted_s, e.first_token_s, e.finished_s,
            ))
        return out

    def step_s(self):
        return self.engine.get().step_s()

    def stop_admission(self):
        self._draining = True

    def close(self):
        """The event fd stays open until the object goes: a loop may still watch it. Last events are lost."""
        if not self._closed:
            self._closed = True
            with nogil:
                self.engine.get().close()

    def slots_state(self):
        cdef vector[SlotState] states = self.engine.get().slots()
        return [
            {
                "request": s.request, "prompt_tokens": s.prompt_tokens, "cached_tokens": s.cached_tokens,
                "computed_tokens": s.computed_tokens, "generated_tokens": s.generated_tokens,
                "state": "decode" if s.decoding else "prefill",
            }
            for s in states
        ]

    def stats(self):
        cdef EngineStats s = self.engine.get().stats()
        return {
            "busy": s.busy, "queued": s.queued, "cells": s.cells, "cells_used": s.cells_used,
            "cached_sequences": s.cached_sequences, "requests": s.requests, "prompt_tokens": s.prompt_tokens,
            "cached_tokens": s.cached_tokens, "completion_tokens": s.completion_tokens, "steps": s.steps,
            "preemptions": s.preemptions, "evictions": s.evictions, "checkpoints": s.checkpoints,
            "computed_rows": s.computed_rows, "decode_s": s.decode_s, "sampling_s": s.sampling_s,
            "scheduling_s": s.scheduling_s,
        }


cdef class Embedder:
    cdef unique_ptr[CEmbedder] embedder
    cdef Model model
    cdef readonly int length, max_tokens
    cdef readonly str pooling
    cdef readonly bint per_token

    def __init__(self, Model model, settings, str pooling="", int tokens=0, bint per_token=False):
        cdef llama.llama_context_params params
        cdef llama.llama_model * weights = model.model
        cdef Adapters adapters = model.adapters
        if pooling not in _POOLINGS:
            raise InvalidRequestError(f"pooling must be mean, cls, last or rank, not {pooling!r}")
        if pooling == "rank" and not model.info.ranks:
            raise InvalidRequestError("this model is no reranker: its file does not name rank pooling")
        self.model = model
        self.per_token = per_token
        params = _embed_params(settings, model, pooling, tokens or first_embed_tokens(settings, model.info))
        LogRing.instance().take()
        try:
            with nogil:
                self.embedder.reset(new CEmbedder(weights, params, adapters, per_token))
        except ValueError as e:
            raise InvalidRequestError(str(e)) from e
        except (RuntimeError, MemoryError) as e:
            raise ResourceError(f"{e} ({_llama_log()})") from e
        self.length = self.embedder.get().length()
        self.max_tokens = self.embedder.get().max_tokens()
        self.pooling = {value: name for name, value in _POOLINGS.items()}[<int> self.embedder.get().pooling()]

    def embed(self, inputs, bint normalize=True, str adapter=""):
        return self._computed(inputs, normalize, False, adapter)[0]

    def read(self, inputs):
        if not self.per_token:
            raise EngineError("this embedder pools its tokens: make one per token")
        vectors, signs = self._computed(inputs, False, True, "")
        parts, start = [], 0
        for tokens in inputs:
            parts.append(signs[start : start + len(tokens)])
            start += len(tokens)
        return vectors, parts

    cdef tuple _computed(self, inputs, bint normalize, bint with_signs, str adapter):
        """Vectors (n, length), and the signs of all tokens, one after the other."""
        cdef vector[vector[int32_t]] c_inputs
        cdef size_t tokens = 0
        cdef int adapter_set = self.model.adapter_set(adapter)
        for i, ids in enumerate(inputs):
            if not ids:
                raise InvalidRequestError(f"input {i} is empty; give at least one token")
            if len(ids) > self.max_tokens:
                raise ContextOverflowError(f"input {i} has {len(ids)} tokens, an embedding takes at most {self.max_tokens}; split it")
            c_inputs.push_back(self.model.checked(ids))
            tokens += len(ids)
        import numpy as np  # here and not above: 20 MB that a server which only generates does not need

        out = np.zeros((c_inputs.size(), self.length), dtype=np.float32)
        if self.embedder.get() is NULL:
            raise EngineError("the embedder is closed")
        found = np.zeros((tokens if with_signs else 0, self.embedder.get().sign_width()), dtype=np.uint64)
        if c_inputs.empty():
            return out, found
        cdef float[:, ::1] view = out
        cdef float * data = &view[0, 0]
        cdef uint64_t[:, ::1] bits = found
        cdef uint64_t * signs = &bits[0, 0] if with_signs else NULL
        try:
            with nogil:
                self.embedder.get().embed(c_inputs, normalize, data, signs, adapter_set)
        except (RuntimeError, ValueError) as e:
            raise EngineError(str(e)) from e
        return out, found

    def close(self):
        self.embedder.reset()
