// What memories are next to: the one before and the one after in their session, and those they are associated with. Pure; slots as in
// lexical_index.hpp. Feeds recall_index.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "recall_values.hpp"

namespace echorator {

struct Link {
    Slot before = kNone, after = kNone;  // in the session
};

struct Edge {
    Slot to;
    float weight;
};

class MemoryLinks {
public:
    const Link & of(Slot slot) const { return links_[slot]; }

    const std::vector<Edge> & edges(Slot slot) const {
        static const std::vector<Edge> none;
        const auto found = edges_.find(slot);
        return found == edges_.end() ? none : found->second;
    }

    // The next slot; the last of its session where that is not 0.
    void append(uint64_t session) {
        const Slot slot = static_cast<Slot>(links_.size());
        links_.push_back({});
        if (!session) return;
        auto [last, fresh] = tails_.emplace(session, slot);
        if (fresh) return;
        links_[slot].before = last->second;
        links_[last->second].after = slot;
        last->second = slot;
    }

    // Those before and after it are next to each other from now on. Edges to it stay until `renumber`.
    void leave(Slot slot, uint64_t session) {
        edges_.erase(slot);
        if (!session) return;
        const Link link = links_[slot];
        if (link.before != kNone) links_[link.before].after = link.after;
        if (link.after != kNone) links_[link.after].before = link.before;
        if (link.after == kNone) {
            if (link.before == kNone) tails_.erase(session);
            else tails_[session] = link.before;
        }
        links_[slot] = {};
    }

    // Both ways; a weight of 0 takes the edge away.
    void associate(Slot a, Slot b, float weight) {
        set(a, b, weight);
        set(b, a, weight);
    }

    // Slots get new numbers, in the same order; kNone for those that are gone.
    void renumber(const std::vector<Slot> & now) {
        const auto moved = [&](Slot s) { return s == kNone ? kNone : now[s]; };
        Slot next = 0;
        for (Slot s = 0; s < links_.size(); s++) {
            if (now[s] != kNone) links_[next++] = {moved(links_[s].before), moved(links_[s].after)};
        }
        links_.resize(next);
        for (auto & [session, slot] : tails_) slot = now[slot];
        std::unordered_map<Slot, std::vector<Edge>> edges;
        for (auto & [slot, list] : edges_) {
            if (now[slot] == kNone) continue;
            std::vector<Edge> kept;
            for (const Edge & e : list) {
                if (now[e.to] != kNone) kept.push_back({now[e.to], e.weight});
            }
            if (!kept.empty()) edges.emplace(now[slot], std::move(kept));
        }
        edges_ = std::move(edges);
    }

    size_t memory_bytes() const {
        size_t bytes = links_.capacity() * sizeof(Link);
        for (const auto & [slot, edges] : edges_) bytes += 56 + edges.capacity() * sizeof(Edge);
        return bytes;
    }

private:
    void set(Slot from, Slot to, float weight) {
        auto & edges = edges_[from];
        const auto found = std::find_if(edges.begin(), edges.end(), [&](const Edge & e) { return e.to == to; });
        if (weight <= 0) {
            if (found != edges.end()) edges.erase(found);
            if (edges.empty()) edges_.erase(from);
        } else if (found != edges.end()) {
            found->weight = weight;
        } else {
            edges.push_back({to, weight});
        }
    }

    std::vector<Link> links_;
    std::unordered_map<uint64_t, Slot> tails_;  // session -> its last memory
    std::unordered_map<Slot, std::vector<Edge>> edges_;
};

}  // namespace echorator
