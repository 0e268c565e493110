// What llama.cpp and ggml log: kept for messages of errors, and handed on line by line to Python's logging.
//
// Their log is global, so this is one per process. It is written from any thread, the decode thread too, which must neither wait for a
// reader nor touch Python: lines go into a bounded buffer, and an eventfd wakes whoever takes them. What does not fit is counted.
#pragma once

#include <ggml.h>
#include <llama.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace echorator {

struct LogLine {
    int level;         // ggml_log_level, never CONT
    std::string text;  // without the line's end, at most kLongest bytes
};

class LogRing {
public:
    static LogRing & instance() {
        static LogRing * ring = new LogRing;  // never destroyed: libraries log until the process is gone
        return *ring;
    }

    void install() { llama_log_set(&LogRing::receive, this); }

    // The last warnings and errors, oldest first, and forgets them.
    std::string take() {
        std::lock_guard<std::mutex> lock(mutex_);
        std::string out;
        for (const auto & line : telling_) out += line + "\n";
        if (is_telling(open_.level)) out += open_.text;
        telling_.clear();
        return out;
    }

    // From now on lines of `level` and above are kept for `drain`. Returns the descriptor that becomes readable when there are some.
    int listen(int level) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (event_fd_ < 0) event_fd_ = eventfd(0, EFD_CLOEXEC);
        least_ = level;
        return event_fd_;
    }

    // Whole lines, oldest first; `left_out`: how many there were no room for since the last call.
    std::vector<LogLine> drain(uint64_t & left_out) {
        std::lock_guard<std::mutex> lock(mutex_);
        std::vector<LogLine> out(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
        waiting_.clear();
        left_out = left_out_;
        left_out_ = 0;
        return out;
    }

    // Wakes the reader though there may be nothing.
    void wake() {
        std::lock_guard<std::mutex> lock(mutex_);
        signal();
    }

private:
    static constexpr size_t kTelling = 16;
    static constexpr size_t kWaiting = 1024;
    static constexpr size_t kLongest = 1000;

    static bool is_telling(int level) { return level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN; }

    // A message may be a part of a line, which the next ones of level CONT go on with, or several lines.
    static void receive(ggml_log_level level, const char * text, void * self) {
        auto * ring = static_cast<LogRing *>(self);
        std::lock_guard<std::mutex> lock(ring->mutex_);
        if (level != GGML_LOG_LEVEL_CONT) {
            ring->end_line();
            ring->open_.level = level;
        }
        for (const char * c = text; *c; c++) {
            if (*c == '\n') {
                ring->end_line();
            } else if (ring->open_.text.size() < kLongest) {
                ring->open_.text += *c;
            }
        }
    }

    void end_line() {
        if (open_.text.find_first_not_of(" .\t\r") != std::string::npos) {  // dots tell the progress of a load
            if (is_telling(open_.level)) {
                telling_.push_back(open_.text);
                if (telling_.size() > kTelling) telling_.pop_front();
            }
            if (event_fd_ >= 0 && open_.level >= least_) {
                if (waiting_.size() < kWaiting) {
                    waiting_.push_back(open_);
                } else {
                    left_out_++;
                }
                signal();
            }
        }
        open_.text.clear();
    }

    void signal() {
        const uint64_t one = 1;
        if (event_fd_ >= 0 && ::write(event_fd_, &one, sizeof(one)) < 0) return;  // it is readable already
    }

    std::mutex mutex_;
    std::deque<std::string> telling_;
    std::deque<LogLine> waiting_;
    LogLine open_{GGML_LOG_LEVEL_NONE, ""};
    uint64_t left_out_ = 0;
    int event_fd_ = -1;
    int least_ = GGML_LOG_LEVEL_CONT;
};

}  // namespace echorator
