// The order of a recall's candidates: what each signal gives, and how evidence spreads between memories. Pure; fed by recall_index.hpp.
//
// The scores of the first signals become standard scores over the pool and are summed: a candidate's evidence. What is above the mean
// spreads to the turns that others said before and after it, to associated memories and to its session. The form of a memory (its length,
// whether it asks, who said it and when, whether it names a time) and its use, importance, affect and nearness to goals are added.
//
// The numbers below are round and set by hand; bench/MEMORY.md has what each gives on dialogues and on chats with an assistant.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "activation.hpp"
#include "memory_links.hpp"
#include "recall_values.hpp"

namespace echorator {

struct Candidate {
    Slot slot = 0;
    float dense = 0, words = 0, tokens = -1, evidence = 0, score = 0;
    float signals[kSignals] = {};
};

// `Memories` has entry(slot), links(), admits(slot), terms(slot), mean_terms() and goal(g, slot).
template <class Memories>
class Ranking {
public:
    Ranking(const Memories & memories, const Query & query, std::vector<Candidate> & candidates)
        : memories_(memories), q_(query), found_(candidates) {
        at_.reserve(found_.size() * 4);
        for (size_t i = 0; i < found_.size(); i++) at_.emplace(found_[i].slot, i);
    }

    // Scores all candidates, and adds those that evidence spreads to.
    void rank() {
        weigh();
        spread();
        spread_to_sessions();
        for (Candidate & c : found_) judge(c);
    }

private:
    static constexpr double kPrior = 4;       // observations at 0, so that a pool of one or two still says something
    static constexpr float kSecond = 0.375f;  // of a neighbour's neighbour, relative to a neighbour
    static constexpr size_t kTop = 3;         // a session is as telling as the mean of its three best
    static constexpr float kLength = 0.25f;   // for a memory e times as long as the mean; at most that, at least kShortest times it
    static constexpr float kShortest = -2.0f;
    static constexpr float kAsks = 1.0f;      // less for a memory that only asks
    static constexpr float kOther = 1.5f;     // less for one that another said than those whom the question names
    static constexpr float kDated = 1.0f;     // for one that names a time where the question asks for one
    static constexpr float kInside = 2.0f;    // for one that was said in the time which the question names, or soon after
    static constexpr double kSoonS = 2 * 86400.0;

    // Standard scores of one measure over the pool, without those that do not have it (below `least`).
    void add(Signal signal, float Candidate::*measure, float least) {
        double sum = 0, squares = 0, n = kPrior;
        for (const Candidate & c : found_) {
            const double value = c.*measure;
            if (value < least) continue;
            sum += value, squares += value * value, n++;
        }
        const double mean = sum / n, sd = std::sqrt(std::max(squares / n - mean * mean, 1e-12));
        if (sd <= 1e-5) return;
        for (Candidate & c : found_) {
            if (c.*measure >= least) c.signals[signal] = q_.weights[signal] * static_cast<float>((c.*measure - mean) / sd);
        }
    }

    void weigh() {
        if (q_.vector) add(kDense, &Candidate::dense, -1e30f);
        add(kLexical, &Candidate::words, 0);
        add(kTokens, &Candidate::tokens, 0);
        for (Candidate & c : found_) {
            c.evidence = c.signals[kDense] + c.signals[kLexical] + c.signals[kTokens];
            if (c.evidence <= 0) c.evidence = c.signals[kDense] = c.signals[kLexical] = c.signals[kTokens] = 0;
        }
    }

    void give(Slot to, Signal signal, float amount) {
        auto [place, fresh] = at_.emplace(to, found_.size());
        if (fresh) {
            if (!memories_.admits(to)) {
                at_.erase(place);
                return;
            }
            found_.push_back({});
            found_.back().slot = to;
        }
        found_[place->second].signals[signal] += amount;
    }

    // To the two turns before and after, where another speaks: what is said in one's own next sentence is as often about something else
    // (-3 points on chats). An answer gains as much again from the question that it answers.
    void spread() {
        const float near = q_.weights[kNeighbours], linked = q_.weights[kAssociation];
        const MemoryLinks & links = memories_.links();
        const size_t sources = found_.size();
        for (size_t i = 0; i < sources; i++) {
            const float evidence = found_[i].evidence;
            const Slot slot = found_[i].slot;
            if (evidence <= 0) continue;
            if (near != 0) {
                for (Slot Link::*way : {&Link::before, &Link::after}) {
                    const Slot one = links.of(slot).*way;
                    if (one == kNone) continue;
                    const bool turns = speaker(one) != speaker(slot);
                    const float asked = way == &Link::after ? memories_.entry(slot).asks : 0;
                    if (turns) give(one, kNeighbours, near * (1 + asked) * evidence);
                    const Slot two = links.of(one).*way;
                    if (two != kNone && (turns || speaker(two) != speaker(one))) give(two, kNeighbours, near * kSecond * evidence);
                }
            }
            if (linked == 0) continue;
            for (const Edge & edge : links.edges(slot)) give(edge.to, kAssociation, linked * edge.weight * evidence);
        }
    }

    void spread_to_sessions() {
        if (q_.weights[kSession] == 0) return;
        std::unordered_map<uint64_t, std::vector<float>> sessions;
        for (const Candidate & c : found_) {
            if (session(c)) sessions[session(c)].push_back(c.evidence + c.signals[kNeighbours] + c.signals[kAssociation]);
        }
        std::unordered_map<uint64_t, float> telling;
        for (auto & [name, scores] : sessions) {
            const size_t n = std::min(kTop, scores.size());
            std::partial_sort(scores.begin(), scores.begin() + static_cast<ptrdiff_t>(n), scores.end(), std::greater<>());
            float sum = 0;
            for (size_t i = 0; i < n; i++) sum += scores[i];
            telling[name] = sum / static_cast<float>(kTop);
        }
        for (Candidate & c : found_) {
            if (session(c)) c.signals[kSession] = q_.weights[kSession] * telling[session(c)];
        }
    }

    void judge(Candidate & c) const {
        const Entry & e = memories_.entry(c.slot);
        c.signals[kForm] = q_.weights[kForm] * form(c.slot, e);
        const double level = base_level(e.uses, e.created_s, e.last_used_s, q_.now_s);
        c.signals[kActivation] = q_.weights[kActivation] * static_cast<float>(retrieval_probability(level));
        c.signals[kImportance] = q_.weights[kImportance] * e.importance;
        // Mood congruence (Bower 1981): nearness in the plane, times the mood's intensity, so that a neutral mood prefers nothing.
        const float dv = (q_.valence - e.valence) / 2.0f, da = q_.arousal - e.arousal;
        const float intensity = std::min(1.0f, std::sqrt(q_.valence * q_.valence + q_.arousal * q_.arousal));
        c.signals[kAffect] = q_.weights[kAffect] * intensity * (1.0f - std::min(1.0f, std::sqrt((dv * dv + da * da) / 2.0f)));
        float best = 0;
        for (size_t g = 0; g < q_.n_goals; g++) best = std::max(best, memories_.goal(g, c.slot));
        c.signals[kGoal] = q_.weights[kGoal] * best;
        for (float signal : c.signals) c.score += signal;
    }

    float form(Slot slot, const Entry & e) const {
        const float length = std::log(std::max<float>(1, static_cast<float>(memories_.terms(slot))) / memories_.mean_terms());
        float sum = kLength * std::clamp(length, kShortest, 1.0f) - kAsks * e.asks;
        if (q_.n_named && e.speaker && std::find(q_.named, q_.named + q_.n_named, e.speaker) == q_.named + q_.n_named) sum -= kOther;
        if (q_.dates && e.dated) sum += kDated;
        if (q_.when_to_s > q_.when_from_s && e.said_s >= q_.when_from_s && e.said_s < q_.when_to_s + kSoonS) sum += kInside;
        return sum;
    }

    uint32_t speaker(Slot slot) const { return memories_.entry(slot).speaker; }
    uint64_t session(const Candidate & c) const { return memories_.entry(c.slot).session; }

    const Memories & memories_;
    const Query & q_;
    std::vector<Candidate> & found_;
    std::unordered_map<Slot, size_t> at_;  // places of candidates
};

}  // namespace echorator
