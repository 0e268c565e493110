from libcpp cimport bool as cbool
from libcpp.string cimport string
from libcpp.vector cimport vector


cdef extern from "answer_watch.hpp" namespace "echorator" nogil:
    cdef cppclass WatchParams:
        string thought_open, thought_close
        cbool in_thought
        vector[string] triggers
        cbool wakes

    cdef cppclass AnswerWatch:
        AnswerWatch(WatchParams params) except +
        cbool in_thought()
        cbool asleep()
        cbool feed(const string & bytes, string & woken) except +
