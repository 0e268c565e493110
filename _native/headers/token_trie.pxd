cdef extern from "token_trie.hpp" namespace "echorator" nogil:
    cdef cppclass TokenTrie:
        pass
