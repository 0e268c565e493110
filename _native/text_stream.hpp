// From token bytes to text that may be sent: whole UTF-8 characters, and never a part of a stop text.
//
// Pure. Bytes go through two stages: the stop stage holds back the longest tail that may still become a stop text,
// the character stage holds back an incomplete character. Bytes that can never become a character turn into U+FFFD,
// one for each maximal subpart (Unicode 15, 3.9, table 3-8), so that the text sent is what
// `bytes.decode("utf-8", "replace")` gives for all bytes at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace echorator {

class TextStream {
public:
    explicit TextStream(std::vector<std::string> stops = {}) : stops_(std::move(stops)) {}

    // Takes the bytes of one token, appends to `out` what may be sent. Returns the index of the stop text that
    // matched first, or -1; after a match nothing more comes out. Where stop texts do not `apply`, none begins or goes on.
    int feed(const char * bytes, size_t n, std::string & out, bool apply = true) {
        if (stopped_) return -1;
        if (stops_.empty() || !apply) {
            decode(held_.data(), held_.size(), out);
            held_.clear();
            decode(bytes, n, out);
            return -1;
        }
        held_.append(bytes, n);
        size_t first = std::string::npos;
        int which = -1;
        for (size_t i = 0; i < stops_.size(); i++) {
            const size_t at = held_.find(stops_[i]);
            if (at < first) {
                first = at;
                which = static_cast<int>(i);
            }
        }
        const size_t release = which >= 0 ? first : held_.size() - longest_open_stop();
        decode(held_.data(), release, out);
        held_.erase(0, release);
        if (which >= 0) {
            stopped_ = true;
            flush(out);
        }
        return which;
    }

    const std::string & stop(int which) const { return stops_[static_cast<size_t>(which)]; }

    // The end of the text without a stop: sends what was held back.
    void finish(std::string & out) {
        if (stopped_) return;
        stopped_ = true;
        decode(held_.data(), held_.size(), out);
        flush(out);
    }

private:
    // Length of the longest tail of `held_` that is a proper beginning of a stop text.
    size_t longest_open_stop() const {
        size_t longest = 0;
        for (const auto & stop : stops_) {
            size_t n = stop.size() - 1 < held_.size() ? stop.size() - 1 : held_.size();
            for (; n > longest; n--) {
                if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) {
                    longest = n;
                    break;
                }
            }
        }
        return longest;
    }

    void replace(std::string & out) { out.append("\xEF\xBF\xBD"); }

    void flush(std::string & out) {
        if (!part_.empty()) {
            replace(out);
            part_.clear();
        }
    }

    void decode(const char * bytes, size_t n, std::string & out) {
        for (size_t i = 0; i < n; i++) {
            const auto byte = static_cast<uint8_t>(bytes[i]);
            if (!part_.empty()) {
                if (byte >= low_ && byte <= high_) {
                    part_.push_back(bytes[i]);
                    low_ = 0x80;
                    high_ = 0xBF;
                    if (part_.size() == want_) {
                        out.append(part_);
                        part_.clear();
                    }
                    continue;
                }
                flush(out);  // and the byte starts anew
            }
            begin(byte, bytes[i], out);
        }
    }

    // The ranges of second bytes are those of Unicode 15, table 3-7 (no overlong form, no surrogate).
    void begin(uint8_t byte, char raw, std::string & out) {
        low_ = 0x80;
        high_ = 0xBF;
        if (byte < 0x80) {
            out.push_back(raw);
            return;
        }
        if (byte >= 0xC2 && byte <= 0xDF) {
            want_ = 2;
        } else if (byte >= 0xE0 && byte <= 0xEF) {
            want_ = 3;
            if (byte == 0xE0) low_ = 0xA0;
            if (byte == 0xED) high_ = 0x9F;
        } else if (byte >= 0xF0 && byte <= 0xF4) {
            want_ = 4;
            if (byte == 0xF0) low_ = 0x90;
            if (byte == 0xF4) high_ = 0x8F;
        } else {
            replace(out);
            return;
        }
        part_.assign(1, raw);
    }

    std::vector<std::string> stops_;
    std::string held_;  // bytes that may be the beginning of a stop text
    std::string part_;  // an incomplete character
    size_t want_ = 0;   // its length
    uint8_t low_ = 0x80, high_ = 0xBF;  // what its next byte may be
    bool stopped_ = false;
};

}  // namespace echorator
