from libcpp.memory cimport shared_ptr
from libcpp.string cimport string

from headers.grammar cimport Grammar
from headers.grammar_reader cimport TokenFinder


cdef extern from "grammar_builder.hpp" namespace "echorator" nogil:
    shared_ptr[const Grammar] make_grammar(const string & text, const TokenFinder & find_token) except +
