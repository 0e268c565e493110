// Which sequence holds the longest prefix of a prompt.
//
// A radix tree over token ids: every node's edge is a run of tokens, and every node knows the set of sequences whose
// tokens pass through it. Pure: no llama.cpp, no Python, no clock. Fed by the planner (batch_planner.hpp), which
// inserts a sequence when it is admitted, extends it by each sampled token and erases it when its cells go.
//
// Invariants: a sequence ends at a node's end; a node's holders are a superset of each child's; no node but the
// root has an empty edge or no holder.
#pragma once

#include <bitset>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace echorator {

using Token = int32_t;
using Seq = int32_t;
constexpr int kMaxSequences = 256;  // llama.cpp's LLAMA_MAX_SEQ
using SeqSet = std::bitset<kMaxSequences>;

class PrefixTree {
public:
    PrefixTree() : tails_(kMaxSequences, nullptr) {}

    bool holds(Seq seq) const { return tails_[seq] != nullptr; }
    size_t length(Seq seq) const { return tails_[seq] ? tails_[seq]->depth : 0; }
    size_t nodes() const { return nodes_; }

    // Adds a sequence that the tree does not hold yet. O(n).
    void insert(Seq seq, const Token * tokens, size_t n) {
        assert(!holds(seq));
        Node * node = &root_;
        size_t at = 0;
        while (at < n) {
            auto found = node->children.find(tokens[at]);
            if (found == node->children.end()) {
                node = add_child(node, tokens + at, n - at);
                at = n;
            } else {
                Node * child = found->second.get();
                const size_t same = common(child->edge, tokens + at, n - at);
                node = same == child->edge.size() ? child : split(child, same);
                at += same;
            }
            node->holders.set(seq);
        }
        tails_[seq] = node;
    }

    // Appends one token to a held sequence. O(1).
    void extend(Seq seq, Token token) {
        Node * tail = tails_[seq];
        assert(tail);
        if (tail != &root_ && tail->children.empty() && tail->holders.count() == 1) {
            tail->edge.push_back(token);
            tail->depth++;
            return;
        }
        auto found = tail->children.find(token);
        Node * next = nullptr;
        if (found == tail->children.end()) {
            next = add_child(tail, &token, 1);
        } else {
            next = found->second->edge.size() == 1 ? found->second.get() : split(found->second.get(), 1);
        }
        next->holders.set(seq);
        tails_[seq] = next;
    }

    // Keeps the first n tokens of a held sequence.
    void truncate(Seq seq, size_t n) {
        Node * node = tails_[seq];
        assert(node && n <= node->depth);
        while (node != &root_ && node->depth - node->edge.size() >= n) {
            node = leave(node, seq);
        }
        if (node->depth > n) {
            Node * upper = split(node, n - (node->depth - node->edge.size()));
            leave(node, seq);
            node = upper;
        }
        tails_[seq] = node;
    }

    void erase(Seq seq) {
        if (!holds(seq)) return;
        truncate(seq, 0);
        tails_[seq] = nullptr;
    }

    // Walks the path of a prompt from the root down: visit(matched, holders) for every node on it, where `matched`
    // is how many of the prompt's tokens all those holders share.
    template <class Visit>
    void match(const Token * tokens, size_t n, Visit visit) const {
        const Node * node = &root_;
        size_t at = 0;
        while (at < n) {
            auto found = node->children.find(tokens[at]);
            if (found == node->children.end()) return;
            node = found->second.get();
            const size_t same = common(node->edge, tokens + at, n - at);
            at += same;
            visit(at, node->holders);
            if (same < node->edge.size()) return;
        }
    }

    std::vector<Token> tokens(Seq seq) const {
        std::vector<const Node *> path;
        for (const Node * node = tails_[seq]; node && node != &root_; node = node->parent) path.push_back(node);
        std::vector<Token> out;
        for (auto it = path.rbegin(); it != path.rend(); ++it) out.insert(out.end(), (*it)->edge.begin(), (*it)->edge.end());
        return out;
    }

private:
    struct Node {
        std::vector<Token> edge;
        Node * parent = nullptr;
        size_t depth = 0;  // tokens from the root to this node's end
        SeqSet holders;
        std::unordered_map<Token, std::unique_ptr<Node>> children;  // by the first token of the child's edge
    };

    static size_t common(const std::vector<Token> & edge, const Token * tokens, size_t n) {
        const size_t limit = edge.size() < n ? edge.size() : n;
        size_t i = 0;
        while (i < limit && edge[i] == tokens[i]) i++;
        return i;
    }

    Node * add_child(Node * parent, const Token * tokens, size_t n) {
        auto child = std::make_unique<Node>();
        child->edge.assign(tokens, tokens + n);
        child->parent = parent;
        child->depth = parent->depth + n;
        Node * raw = child.get();
        parent->children.emplace(tokens[0], std::move(child));
        nodes_++;
        return raw;
    }

    // Cuts a node's edge after `keep` tokens; returns the new upper node. Tails stay valid: they point at lower ends.
    Node * split(Node * node, size_t keep) {
        assert(keep > 0 && keep < node->edge.size());
        Node * parent = node->parent;
        auto slot = parent->children.find(node->edge[0]);
        std::unique_ptr<Node> lower = std::move(slot->second);
        auto upper = std::make_unique<Node>();
        upper->edge.assign(lower->edge.begin(), lower->edge.begin() + static_cast<ptrdiff_t>(keep));
        upper->parent = parent;
        upper->depth = parent->depth + keep;
        upper->holders = lower->holders;
        lower->edge.erase(lower->edge.begin(), lower->edge.begin() + static_cast<ptrdiff_t>(keep));
        lower->parent = upper.get();
        Node * raw = upper.get();
        upper->children.emplace(lower->edge[0], std::move(lower));
        slot->second = std::move(upper);
        nodes_++;
        return raw;
    }

    // Takes a sequence off one node, and the node away with its last holder; returns the parent.
    Node * leave(Node * node, Seq seq) {
        Node * parent = node->parent;
        node->holders.reset(seq);
        if (node->holders.none()) {
            parent->children.erase(node->edge[0]);
            nodes_--;
        }
        return parent;
    }

    Node root_;
    std::vector<Node *> tails_;
    size_t nodes_ = 0;
};

}  // namespace echorator
