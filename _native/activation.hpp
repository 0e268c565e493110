// How strong a memory is, by when and how often it was used (ACT-R; Anderson and Lebiere 1998). Pure.
//
// The one source of the formulas and their constants: recall_index.hpp ranks by them, and recall_index.pyx shows them
// to Python, where `forgetting` archives by them.
#pragma once

#include <algorithm>
#include <cmath>

namespace echorator {

constexpr double kActivationThreshold = -2.0, kActivationNoise = 1.0;

// ln of the sum of t^-0.5 over all uses, t in hours since the use, at least one second. By Petrov's approximation
// (2006): the last use is exact, the others are spread evenly between the creation and the last use.
inline double base_level(double uses, double created_s, double last_used_s, double now_s) {
    const double last = std::max(now_s - last_used_s, 1.0) / 3600.0, first = std::max(std::max(now_s - created_s, 1.0) / 3600.0, last);
    double sum = 1.0 / std::sqrt(last);
    if (uses > 1.0) sum += (uses - 1.0) * 2.0 / (std::sqrt(first) + std::sqrt(last));  // the mean of t^-0.5 from last to first
    return std::log(sum);
}

// P = 1 / (1 + e^-((A - threshold) / noise)), 0..1, of a strength A.
inline double retrieval_probability(double strength) {
    return 1.0 / (1.0 + std::exp(-(strength - kActivationThreshold) / kActivationNoise));
}

}  // namespace echorator
