// From GBNF text to a syntax tree (llama.cpp's grammars/README.md describes the language).
//
// Pure. Two differences from llama.cpp's reader: a repetition count is exact however large it is, and what cannot be meant is
// refused in words (a rule that is defined twice, an inverted range or repetition, an empty class). Nothing here is recursive
// over the text, so no text overflows the stack; grammar_builder.hpp turns the tree into an automaton.
//
// Over 400 lines, since every part of the language is read by one reader with one position in the text.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "utf8_ranges.hpp"

namespace echorator {

constexpr size_t kLongestGrammar = 512 * 1024;  // bytes of text
constexpr size_t kDeepestGrammar = 256;         // brackets and repetitions within each other
constexpr uint32_t kUnbounded = std::numeric_limits<uint32_t>::max();
constexpr uint32_t kMostRepetitions = 1'000'000;

struct GrammarNode {
    enum Kind : uint8_t { literal, characters, rule, token, other_token, sequence, alternatives, repetition };
    Kind kind = sequence;
    uint32_t value = 0;                // of a rule or token: which one
    uint32_t least = 0, most = 0;      // of a repetition; `most` may be kUnbounded
    uint32_t depth = 0;                // of the nodes below, itself included
    std::string bytes;                 // of a literal
    CodePointRanges ranges;            // of characters
    std::vector<uint32_t> children;
};

struct GrammarTree {
    std::vector<GrammarNode> nodes;
    std::vector<std::string> names;      // of the rules; the first one is "root"
    std::vector<uint32_t> definitions;   // by rule: its node
};

// Finds the token of a text such as "<think>"; -1 where there is none.
using TokenFinder = std::function<int32_t(const std::string &)>;

class GrammarReader {
public:
    // Raises std::invalid_argument, saying what is wrong and where.
    static GrammarTree read(const std::string & text, const TokenFinder & find_token) {
        if (text.size() > kLongestGrammar) {
            throw std::invalid_argument("it has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(kLongestGrammar) + " are taken");
        }
        GrammarReader reader(text, find_token);
        reader.read_rules();
        return std::move(reader.tree_);
    }

private:
    // An open bracket, or the rule itself: the alternatives so far and the sequence that is being read.
    struct Open {
        std::vector<uint32_t> alternatives, items;
        size_t at = 0;  // where it was opened
    };
    static constexpr uint32_t kUndefined = std::numeric_limits<uint32_t>::max();

    GrammarReader(const std::string & text, const TokenFinder & find_token) : text_(text), find_token_(find_token) { rule_of("root"); }

    void read_rules() {
        skip_space(true);
        while (!done()) {
            read_rule();
            skip_space(true);
        }
        for (size_t i = 0; i < tree_.definitions.size(); i++) {
            if (tree_.definitions[i] != kUndefined) continue;
            if (i == 0) throw std::invalid_argument("it has no rule named root");
            at_ = first_use_[i];
            fail("no rule is named " + tree_.names[i]);
        }
    }

    void read_rule() {
        const size_t begin = at_;
        const std::string name = read_name("a rule begins with its name");
        const uint32_t rule = rule_of(name);
        skip_space(false);
        if (text_.compare(at_, 3, "::=") != 0) fail("after the name of a rule comes ::=");
        at_ += 3;
        if (tree_.definitions[rule] != kUndefined) {
            at_ = begin;
            fail("the rule " + name + " is defined twice");
        }
        skip_space(true);
        tree_.definitions[rule] = read_alternatives();
        if (!done() && peek() != '\n' && peek() != '\r') fail("this cannot stand in a rule");
    }

    // The body of a rule, brackets included.
    uint32_t read_alternatives() {
        std::vector<Open> open(1);
        while (true) {
            const bool nested = open.size() > 1;
            const char c = done() ? '\0' : peek();
            Open & here = open.back();
            if (c == '|') {
                at_++;
                here.alternatives.push_back(sequence(std::move(here.items)));
                here.items.clear();
                skip_space(true);
            } else if (c == '(') {
                if (open.size() > kDeepestGrammar) fail("brackets nest more than " + std::to_string(kDeepestGrammar) + " deep");
                open.emplace_back();
                open.back().at = at_++;
                skip_space(true);
            } else if (c == ')' && nested) {
                at_++;
                const uint32_t node = closed(std::move(here));
                open.pop_back();
                open.back().items.push_back(node);
                skip_space(open.size() > 1);
            } else if (c == '*' || c == '+' || c == '?' || c == '{') {
                if (here.items.empty()) fail("nothing stands before this repetition");
                here.items.back() = read_repetition(here.items.back(), nested);
            } else if (const uint32_t item = read_item(c); item != kUndefined) {
                here.items.push_back(item);
                skip_space(nested);
            } else {
                if (nested && !done()) fail("this cannot stand in brackets");
                if (nested) {
                    at_ = here.at;
                    fail("this bracket is not closed");
                }
                return closed(std::move(here));
            }
        }
    }

    uint32_t read_item(char c) {
        if (c == '"') return read_literal();
        if (c == '[') return read_class();
        if (c == '<' || c == '!') return read_token();
        if (is_name(c)) {
            GrammarNode node;
            node.kind = GrammarNode::rule;
            const size_t begin = at_;
            node.value = rule_of(read_name(""));
            first_use_.emplace(node.value, begin);
            return add(std::move(node));
        }
        if (c == '.') {
            at_++;
            GrammarNode node;
            node.kind = GrammarNode::characters;
            node.ranges = complement({});
            return add(std::move(node));
        }
        return kUndefined;
    }

    uint32_t read_literal() {
        const size_t begin = at_++;
        GrammarNode node;
        node.kind = GrammarNode::literal;
        while (true) {
            if (done()) {
                at_ = begin;
                fail("this literal is not closed");
            }
            if (peek() == '"') break;
            uint8_t encoded[4];
            const int length = utf8_encode(read_character(), encoded);
            node.bytes.append(reinterpret_cast<const char *>(encoded), static_cast<size_t>(length));
        }
        at_++;
        return add(std::move(node));
    }

    uint32_t read_class() {
        const size_t begin = at_++;
        GrammarNode node;
        node.kind = GrammarNode::characters;
        const bool negated = !done() && peek() == '^';
        if (negated) at_++;
        while (true) {
            if (done()) {
                at_ = begin;
                fail("this class of characters is not closed");
            }
            if (peek() == ']') break;
            const size_t from = at_;
            const uint32_t low = read_character();
            uint32_t high = low;
            if (at_ + 1 < text_.size() && peek() == '-' && text_[at_ + 1] != ']') {
                at_++;
                high = read_character();
            }
            if (high < low) {
                at_ = from;
                fail("this range of characters ends before it begins");
            }
            node.ranges.emplace_back(low, high);
        }
        at_++;
        if (node.ranges.empty()) {
            at_ = begin;
            fail("this class of characters is empty");
        }
        node.ranges = normalised(std::move(node.ranges));
        if (negated) node.ranges = complement(node.ranges);
        if (node.ranges.empty()) {
            at_ = begin;
            fail("this class of characters matches nothing");
        }
        return add(std::move(node));
    }

    uint32_t read_token() {
        const size_t begin = at_;
        GrammarNode node;
        node.kind = GrammarNode::token;
        if (peek() == '!') {
            node.kind = GrammarNode::other_token;
            at_++;
        }
        const size_t end = !done() && peek() == '<' ? text_.find('>', at_) : std::string::npos;
        if (end == std::string::npos) {
            at_ = begin;
            fail("a token is written <[id]> or <text>, with ! before it for any other one");
        }
        const std::string name = text_.substr(at_, end + 1 - at_);
        int32_t found = -1;
        if (name.size() > 4 && name[1] == '[' && name[name.size() - 2] == ']') {
            const std::string digits = name.substr(2, name.size() - 4);
            if (digits.size() <= 9 && digits.find_first_not_of("0123456789") == std::string::npos) found = find_token_(digits);
        } else {
            found = find_token_(name);
        }
        if (found < 0) {
            at_ = begin;
            fail("the model has no token " + name);
        }
        node.value = static_cast<uint32_t>(found);
        at_ = end + 1;
        return add(std::move(node));
    }

    uint32_t read_repetition(uint32_t item, bool nested) {
        const size_t begin = at_;
        const char c = text_[at_++];
        GrammarNode node;
        node.kind = GrammarNode::repetition;
        node.least = c == '+' ? 1 : 0;
        node.most = c == '?' ? 1 : kUnbounded;
        if (c == '{') {
            skip_space(nested);
            node.least = node.most = read_number();
            skip_space(nested);
            if (!done() && peek() == ',') {
                at_++;
                skip_space(nested);
                node.most = !done() && peek() != '}' ? read_number() : kUnbounded;
                skip_space(nested);
            }
            if (done() || peek() != '}') {
                at_ = begin;
                fail("a repetition is written {n}, {n,} or {n,m}");
            }
            at_++;
            if (node.most < node.least) {
                const std::string written = "{" + std::to_string(node.least) + "," + std::to_string(node.most) + "}";
                at_ = begin;
                fail("the repetition " + written + " ends before it begins; its first number must not be above its second");
            }
        }
        skip_space(nested);
        node.children = {item};
        const uint32_t made = add(std::move(node));
        if (tree_.nodes[made].depth > 2 * kDeepestGrammar) {
            at_ = begin;
            fail("repetitions stand more than " + std::to_string(kDeepestGrammar) + " deep in each other");
        }
        return made;
    }

    uint32_t read_number() {
        const size_t begin = at_;
        uint64_t value = 0;
        while (!done() && peek() >= '0' && peek() <= '9') {
            value = std::min<uint64_t>(value * 10 + static_cast<uint64_t>(text_[at_++] - '0'), kUnbounded);
        }
        if (at_ == begin) fail("a repetition is written {n}, {n,} or {n,m}");
        if (value > kMostRepetitions) {
            at_ = begin;
            fail("a repetition may count to " + std::to_string(kMostRepetitions));
        }
        return static_cast<uint32_t>(value);
    }

    // A character of a literal or class, or an escape.
    uint32_t read_character() {
        if (peek() != '\\') return decoded();
        const size_t begin = at_++;
        const char c = done() ? '\0' : text_[at_++];
        switch (c) {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case '\\': case '"': case '[': case ']': case '-': case '^': return static_cast<uint32_t>(c);
            case 'x': return read_hex(begin, 2);
            case 'u': return read_hex(begin, 4);
            case 'U': return read_hex(begin, 8);
            default: break;
        }
        at_ = begin;
        fail("this escape is not known; known are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xHH \\uHHHH \\UHHHHHHHH");
    }

    uint32_t read_hex(size_t begin, int digits) {
        uint32_t value = 0;
        for (int i = 0; i < digits; i++) {
            const char c = done() ? '\0' : text_[at_];
            const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
            if (digit < 0) {
                at_ = begin;
                fail("this escape needs " + std::to_string(digits) + " hexadecimal digits");
            }
            value = value * 16 + static_cast<uint32_t>(digit);
            at_++;
        }
        if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) {
            at_ = begin;
            fail("this escape is no character");
        }
        return value;
    }

    uint32_t decoded() {
        const auto first = static_cast<uint8_t>(text_[at_++]);
        if (first < 0x80) return first;
        const int further = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        uint32_t value = first & (0x3Fu >> further);
        for (int i = 0; i < further; i++) {
            if (first < 0xC0 || done() || (static_cast<uint8_t>(text_[at_]) & 0xC0) != 0x80) fail("this is no UTF-8 text");
            value = value << 6 | (static_cast<uint8_t>(text_[at_++]) & 0x3Fu);
        }
        return value;
    }

    std::string read_name(const char * otherwise) {
        const size_t begin = at_;
        while (!done() && is_name(peek())) at_++;
        if (at_ == begin) fail(otherwise);
        return text_.substr(begin, at_ - begin);
    }

    uint32_t rule_of(const std::string & name) {
        const auto [found, is_new] = rules_.emplace(name, static_cast<uint32_t>(rules_.size()));
        if (is_new) {
            tree_.names.push_back(name);
            tree_.definitions.push_back(kUndefined);
        }
        return found->second;
    }

    uint32_t sequence(std::vector<uint32_t> items) {
        if (items.size() == 1) return items[0];
        GrammarNode node;
        node.kind = GrammarNode::sequence;
        node.children = std::move(items);
        return add(std::move(node));
    }

    uint32_t closed(Open open) {
        open.alternatives.push_back(sequence(std::move(open.items)));
        if (open.alternatives.size() == 1) return open.alternatives[0];
        GrammarNode node;
        node.kind = GrammarNode::alternatives;
        node.children = std::move(open.alternatives);
        return add(std::move(node));
    }

    uint32_t add(GrammarNode node) {
        uint32_t deepest = 0;
        for (uint32_t child : node.children) deepest = std::max(deepest, tree_.nodes[child].depth);
        node.depth = deepest + 1;
        tree_.nodes.push_back(std::move(node));
        return static_cast<uint32_t>(tree_.nodes.size() - 1);
    }

    void skip_space(bool lines) {
        while (!done()) {
            const char c = peek();
            if (c == '#') {
                while (!done() && peek() != '\n' && peek() != '\r') at_++;
            } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
                at_++;
            } else {
                return;
            }
        }
    }

    [[noreturn]] void fail(const std::string & what) const {
        size_t line = 1, column = 1;
        for (size_t i = 0; i < at_ && i < text_.size(); i++) {
            column = text_[i] == '\n' ? 1 : column + 1;
            line += text_[i] == '\n';
        }
        throw std::invalid_argument("line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + what);
    }

    static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }
    bool done() const { return at_ >= text_.size(); }
    char peek() const { return text_[at_]; }

    const std::string & text_;
    const TokenFinder & find_token_;
    size_t at_ = 0;
    GrammarTree tree_;
    std::unordered_map<std::string, uint32_t> rules_;
    std::unordered_map<uint32_t, size_t> first_use_;
};

}  // namespace echorator
