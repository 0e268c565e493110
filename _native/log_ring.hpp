// The last warnings and errors of llama.cpp, for messages; its log is global, so this is one per process.
#pragma once

#include <ggml.h>
#include <llama.h>

#include <deque>
#include <mutex>
#include <string>

namespace echorator {

class LogRing {
public:
    static LogRing & instance() {
        static LogRing ring;
        return ring;
    }

    void install() { llama_log_set(&LogRing::receive, this); }

    // The last lines, oldest first, and forgets them.
    std::string take() {
        std::lock_guard<std::mutex> lock(mutex_);
        std::string out;
        for (const auto & line : lines_) out += line;
        lines_.clear();
        return out;
    }

private:
    static void receive(ggml_log_level level, const char * text, void * self) {
        auto * ring = static_cast<LogRing *>(self);
        std::lock_guard<std::mutex> lock(ring->mutex_);
        const bool goes_on = level == GGML_LOG_LEVEL_CONT && ring->keeping_;
        if (level != GGML_LOG_LEVEL_CONT) ring->keeping_ = level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN;
        if (goes_on && !ring->lines_.empty()) {
            ring->lines_.back() += text;
        } else if (ring->keeping_) {
            ring->lines_.emplace_back(text);
            if (ring->lines_.size() > 16) ring->lines_.pop_front();
        }
    }

    std::mutex mutex_;
    std::deque<std::string> lines_;
    bool keeping_ = false;
};

}  // namespace echorator
