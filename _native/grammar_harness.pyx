# distutils: language = c++
"""The grammar engine and the watch of answers alone, for pytest and Hypothesis: texts in, what they do out; no model is needed."""

from libc.stdint cimport int32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from headers.answer_watch cimport AnswerWatch as CWatch
from headers.answer_watch cimport WatchParams
from headers.grammar cimport Grammar as CGrammar
from headers.grammar_matcher cimport GrammarMatcher as CMatcher
from headers.token_trie cimport TokenTrie as CTokenTrie


cdef extern from * namespace "echorator" nogil:
    """
    #include "grammar_builder.hpp"
    #include "grammar_matcher.hpp"
    namespace echorator {
    inline std::shared_ptr<const Grammar> grammar_of(const std::string & text, const std::vector<std::string> & tokens) {
        return make_grammar(text, [&tokens](const std::string & name) {
            if (name.find_first_not_of("0123456789") == std::string::npos) {
                const int32_t id = std::stoi(name);
                return id < static_cast<int32_t>(tokens.size()) ? id : -1;
            }
            const auto found = std::find(tokens.begin(), tokens.end(), name);
            return found == tokens.end() ? -1 : static_cast<int32_t>(found - tokens.begin());
        });
    }
    inline std::shared_ptr<const TokenTrie> trie_of(const std::vector<std::string> & tokens, const std::vector<int32_t> & ends) {
        return std::make_shared<TokenTrie>(tokens, ends);
    }
    inline std::vector<int32_t> bits_of(const std::vector<uint64_t> & mask) {
        std::vector<int32_t> out;
        for (size_t i = 0; i < mask.size() * 64; i++) if (mask[i / 64] >> (i % 64) & 1) out.push_back(static_cast<int32_t>(i));
        return out;
    }
    }
    """
    shared_ptr[const CGrammar] grammar_of(const string & text, const vector[string] & tokens) except +
    shared_ptr[const CTokenTrie] trie_of(const vector[string] & tokens, const vector[int32_t] & ends) except +
    vector[int32_t] bits_of(const vector[uint64_t] & mask)


cdef class Grammar:
    cdef shared_ptr[const CGrammar] grammar
    cdef shared_ptr[const CTokenTrie] trie

    def __init__(self, str text, tokens=(), ends=()):
        cdef vector[string] texts = [bytes(t) for t in tokens]
        cdef vector[int32_t] end_tokens = list(ends)
        cdef string c_text = text.encode()
        with nogil:
            self.grammar = grammar_of(c_text, texts)
            self.trie = trie_of(texts, end_tokens)

    @property
    def states(self):
        return self.grammar.get().states()

    def matcher(self):
        return Matcher(self)

    def accepts(self, data):
        """Whether the whole text is one of the grammar's."""
        matcher = Matcher(self)
        return matcher.accept_bytes(data.encode() if isinstance(data, str) else data) and matcher.can_end()


cdef class Matcher:
    cdef unique_ptr[CMatcher] matcher

    def __init__(self, Grammar grammar):
        self.matcher.reset(new CMatcher(grammar.grammar, grammar.trie))

    def can_end(self):
        return self.matcher.get().can_end()

    def can_continue(self):
        return self.matcher.get().can_continue()

    def allows(self, int32_t token):
        return self.matcher.get().allows(token)

    def accept(self, int32_t token):
        with nogil:
            self.matcher.get().accept(token)

    def accept_bytes(self, bytes data):
        cdef const char * c_data = data
        cdef size_t size = len(data)
        cdef cbool accepted
        with nogil:
            accepted = self.matcher.get().accept_bytes(c_data, size)
        return accepted

    def allowed(self):
        """Ids of the tokens that may come next, in order."""
        return bits_of(self.matcher.get().allowed())

    @property
    def work_left(self):
        return self.matcher.get().work_left()


cdef class AnswerWatch:
    cdef unique_ptr[CWatch] watch

    def __init__(self, thought=("", ""), bint in_thought=False, triggers=(), bint wakes=False):
        cdef WatchParams params
        params.thought_open, params.thought_close = thought[0].encode(), thought[1].encode()
        params.in_thought = in_thought
        params.wakes = wakes
        for text in triggers:
            params.triggers.push_back(text.encode())
        self.watch.reset(new CWatch(params))

    def feed(self, bytes data):
        cdef string woken
        return bytes(woken) if self.watch.get().feed(data, woken) else None

    @property
    def in_thought(self):
        return self.watch.get().in_thought()

    @property
    def asleep(self):
        return self.watch.get().asleep()
