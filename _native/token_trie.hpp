// The bytes of every token of a vocabulary, as a tree in preorder: what a grammar walks to find the tokens that may come next.
//
// Pure; made once for a model. Tokens that begin with bytes which a grammar refuses are passed over together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace echorator {

class TokenTrie {
public:
    struct Node {
        uint8_t byte;
        uint16_t depth;        // of the first bytes it is 1
        uint32_t behind;       // the next node that is not below this one
        uint32_t first_token;  // tokens that end here: tokens()[first_token] up to those of the next node
    };

    // `texts`: the bytes of each token; an empty text keeps a token out of the tree. `ends`: the tokens that end a text.
    TokenTrie(std::vector<std::string> texts, std::vector<int32_t> ends) : texts_(std::move(texts)), ends_(std::move(ends)) {
        for (int32_t end : ends_) texts_[static_cast<size_t>(end)].clear();
        is_end_.assign(texts_.size(), false);
        for (int32_t end : ends_) is_end_[static_cast<size_t>(end)] = true;
        std::vector<int32_t> sorted;
        for (size_t i = 0; i < texts_.size(); i++) {
            if (!texts_[i].empty() && texts_[i].size() < kLongestToken) sorted.push_back(static_cast<int32_t>(i));
        }
        std::sort(sorted.begin(), sorted.end(), [this](int32_t a, int32_t b) { return text(a) != text(b) ? text(a) < text(b) : a < b; });
        std::vector<uint32_t> path;  // the open nodes
        const std::string * before = nullptr;
        for (int32_t token : sorted) {
            const std::string & bytes = text(token);
            size_t common = 0;
            if (before) while (common < before->size() && common < bytes.size() && (*before)[common] == bytes[common]) common++;
            close(path, common);
            for (size_t i = common; i < bytes.size(); i++) {
                path.push_back(static_cast<uint32_t>(nodes_.size()));
                nodes_.push_back({static_cast<uint8_t>(bytes[i]), static_cast<uint16_t>(i + 1), 0, static_cast<uint32_t>(tokens_.size())});
            }
            tokens_.push_back(token);
            before = &bytes;
        }
        close(path, 0);
        nodes_.push_back({0, 0, 0, static_cast<uint32_t>(tokens_.size())});  // the end, so that every node has a next one
    }

    size_t vocabulary() const { return texts_.size(); }
    const std::string & text(int32_t token) const { return texts_[static_cast<size_t>(token)]; }
    bool is_end(int32_t token) const { return is_end_[static_cast<size_t>(token)]; }
    const std::vector<int32_t> & ends() const { return ends_; }
    size_t size() const { return nodes_.size() - 1; }
    const Node & node(size_t i) const { return nodes_[i]; }
    int32_t token(size_t i) const { return tokens_[i]; }

private:
    static constexpr size_t kLongestToken = 60'000;

    void close(std::vector<uint32_t> & path, size_t depth) {
        while (path.size() > depth) {
            nodes_[path.back()].behind = static_cast<uint32_t>(nodes_.size());
            path.pop_back();
        }
    }

    std::vector<std::string> texts_;
    std::vector<int32_t> ends_;
    std::vector<bool> is_end_;
    std::vector<Node> nodes_;
    std::vector<int32_t> tokens_;
};

}  // namespace echorator
