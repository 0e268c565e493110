cdef extern from "step_pace.hpp" namespace "echorator" nogil:
    cdef cppclass StepPace:
        StepPace(double stall_factor, int most)
        int prefill_budget(int streams, int waiting)
        void observe(int streams, int prefill_rows, double seconds)
