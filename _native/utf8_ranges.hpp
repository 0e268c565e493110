// From ranges of Unicode code points to the sequences of byte ranges that encode them in UTF-8 (RFC 3629).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace echorator {

constexpr uint32_t kLastCodePoint = 0x10FFFF;

struct ByteSequence {
    int length = 0;
    std::array<std::pair<uint8_t, uint8_t>, 4> ranges{};  // the first `length` are set
};

using CodePointRanges = std::vector<std::pair<uint32_t, uint32_t>>;  // inclusive

// Sorted, without overlap; surrogates, which UTF-8 does not encode, are taken out.
inline CodePointRanges normalised(CodePointRanges ranges) {
    std::sort(ranges.begin(), ranges.end());
    CodePointRanges out;
    for (auto [low, high] : ranges) {
        if (!out.empty() && low <= out.back().second + 1) {
            out.back().second = std::max(out.back().second, high);
        } else {
            out.emplace_back(low, high);
        }
    }
    CodePointRanges valid;
    for (auto [low, high] : out) {
        if (low < 0xD800) valid.emplace_back(low, std::min(high, 0xD7FFu));
        if (high > 0xDFFF) valid.emplace_back(std::max(low, 0xE000u), high);
    }
    return valid;
}

// All code points that are in none of the ranges. Takes and gives normalised ranges.
inline CodePointRanges complement(const CodePointRanges & ranges) {
    CodePointRanges out;
    uint32_t next = 0;
    for (auto [low, high] : ranges) {
        if (low > next) out.emplace_back(next, low - 1);
        next = high + 1;
    }
    if (next <= kLastCodePoint) out.emplace_back(next, kLastCodePoint);
    return normalised(out);
}

inline int utf8_encode(uint32_t code, uint8_t * out) {
    if (code < 0x80) return out[0] = static_cast<uint8_t>(code), 1;
    const int length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--) {
        out[i] = static_cast<uint8_t>(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = static_cast<uint8_t>(code | (length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0));
    return length;
}

// Appends the sequences of one range of code points that have the same encoded length. A range is cut until, from some byte on,
// all continuation bytes run from 0x80 to 0xBF, so that the byte ranges are independent of each other.
inline void append_sequences(uint32_t low, uint32_t high, std::vector<ByteSequence> & out) {
    for (uint32_t end : {0x7Fu, 0x7FFu, 0xFFFFu}) {
        if (low <= end && high > end) {
            append_sequences(low, end, out);
            append_sequences(end + 1, high, out);
            return;
        }
    }
    if (high >= 0x80) {
        for (int i = 1; i < 4; i++) {
            const uint32_t mask = (1u << (6 * i)) - 1;
            if ((low & ~mask) == (high & ~mask)) continue;
            if (low & mask) {
                append_sequences(low, low | mask, out);
                append_sequences((low | mask) + 1, high, out);
                return;
            }
            if ((high & mask) != mask) {
                append_sequences(low, (high & ~mask) - 1, out);
                append_sequences(high & ~mask, high, out);
                return;
            }
        }
    }
    ByteSequence made;
    std::array<uint8_t, 4> first{}, last{};
    made.length = utf8_encode(low, first.data());
    utf8_encode(high, last.data());
    for (int i = 0; i < made.length; i++) made.ranges[i] = {first[i], last[i]};
    out.push_back(made);
}

inline std::vector<ByteSequence> utf8_sequences(const CodePointRanges & ranges) {
    std::vector<ByteSequence> out;
    for (auto [low, high] : ranges) append_sequences(low, high, out);
    return out;
}

}  // namespace echorator
