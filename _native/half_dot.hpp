// Dot products of a float32 query with float16 rows, by the widest vector unit of the machine that runs.
//
// Pure. Rows are padded with zeros to a multiple of kLanes numbers. float16 halves what a scan reads, which is what a
// scan waits for; unit vectors lose about 1e-4 of their cosine. Feeds recall_index.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace echorator {

using Half = uint16_t;  // IEEE 754 binary16
constexpr size_t kLanes = 32;

inline Half half_of(float value) {  // round to nearest, ties to even
    uint32_t x;
    std::memcpy(&x, &value, 4);
    const uint32_t sign = (x >> 16) & 0x8000u;
    const uint32_t magnitude = x & 0x7fffffffu;
    if (magnitude >= 0x47800000u) return static_cast<Half>(sign | (magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u));
    if (magnitude < 0x38800000u) {  // subnormal or zero
        if (magnitude < 0x33000000u) return static_cast<Half>(sign);
        const uint32_t shift = 113u - (magnitude >> 23);
        const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
        const uint32_t half = mantissa >> (shift + 13);
        const uint32_t rest = mantissa & ((1u << (shift + 13)) - 1), middle = 1u << (shift + 12);
        return static_cast<Half>(sign | (half + (rest > middle || (rest == middle && (half & 1u)))));
    }
    const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return static_cast<Half>(sign | ((rounded - 0x38000000u) >> 13));
}

inline float float_of(Half half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu, mantissa = half & 0x3ffu;
    if (exponent == 0) {
        const float value = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24
        return sign ? -value : value;
    }
    const uint32_t x = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112u) << 23) | (mantissa << 13);
    float out;
    std::memcpy(&out, &x, 4);
    return out;
}

inline float dot_plain(const float * query, const Half * row, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += query[i] * float_of(row[i]);
    return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma,f16c"))) inline float dot_avx2(const float * query, const Half * row, size_t n) {
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 32) {
        const auto at = [&](size_t k) { return reinterpret_cast<const __m128i *>(row + i + k); };
        a = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), _mm256_cvtph_ps(_mm_loadu_si128(at(0))), a);
        b = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8), _mm256_cvtph_ps(_mm_loadu_si128(at(8))), b);
        c = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 16), _mm256_cvtph_ps(_mm_loadu_si128(at(16))), c);
        d = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 24), _mm256_cvtph_ps(_mm_loadu_si128(at(24))), d);
    }
    const __m256 sum = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    __m128 low = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
    low = _mm_add_ps(low, _mm_movehl_ps(low, low));
    return _mm_cvtss_f32(_mm_add_ss(low, _mm_shuffle_ps(low, low, 1)));
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"  // GCC bug 105593: of its own header
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
__attribute__((target("avx512f"))) inline float dot_avx512(const float * query, const Half * row, size_t n) {
    __m512 a = _mm512_setzero_ps(), b = a;
    for (size_t i = 0; i < n; i += 32) {
        const auto at = [&](size_t k) { return reinterpret_cast<const __m256i *>(row + i + k); };
        a = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), _mm512_cvtph_ps(_mm256_loadu_si256(at(0))), a);
        b = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16), _mm512_cvtph_ps(_mm256_loadu_si256(at(16))), b);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(a, b));
}
#pragma GCC diagnostic pop
#endif

using Dot = float (*)(const float *, const Half *, size_t);

inline Dot best_dot() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return dot_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) return dot_avx2;
#endif
    return dot_plain;
}

}  // namespace echorator
