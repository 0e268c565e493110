cdef extern from "grammar_reader.hpp" namespace "echorator" nogil:
    cdef cppclass TokenFinder:
        pass
