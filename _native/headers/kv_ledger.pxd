cdef extern from "kv_ledger.hpp" namespace "echorator" nogil:
    cdef enum class Layout:
        unified
        separate
