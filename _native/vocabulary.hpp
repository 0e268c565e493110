// What grammars need to know of a model's vocabulary.
#pragma once

#include <llama.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grammar_reader.hpp"
#include "token_trie.hpp"

namespace echorator {

inline std::string token_bytes(const llama_vocab * vocab, int32_t token, bool special) {
    std::string bytes(64, '\0');
    int32_t n = llama_token_to_piece(vocab, token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, special);
    if (n < 0) {
        bytes.resize(static_cast<size_t>(-n));
        n = llama_token_to_piece(vocab, token, bytes.data(), static_cast<int32_t>(bytes.size()), 0, special);
    }
    bytes.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return bytes;
}

// Control tokens have no text here: none of them may stand where a grammar asks for characters, since their text never reaches the
// client. A grammar names them, as in <|tool_call|>. Those that are `spelled`, sorted, reach the client, and have their text here too.
inline std::shared_ptr<const TokenTrie> token_trie(const llama_vocab * vocab, const std::vector<int32_t> & spelled = {}) {
    const int32_t n = llama_vocab_n_tokens(vocab);
    constexpr int kNoText = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_UNUSED;
    std::vector<std::string> texts(static_cast<size_t>(n));
    std::vector<int32_t> ends;
    for (int32_t token = 0; token < n; token++) {
        if (llama_vocab_is_eog(vocab, token)) ends.push_back(token);
        const bool has_text = !(llama_vocab_get_attr(vocab, token) & kNoText) || std::binary_search(spelled.begin(), spelled.end(), token);
        if (has_text) texts[static_cast<size_t>(token)] = token_bytes(vocab, token, true);
    }
    return std::make_shared<TokenTrie>(std::move(texts), std::move(ends));
}

inline TokenFinder token_finder(const llama_vocab * vocab) {
    return [vocab](const std::string & name) -> int32_t {
        if (name.find_first_not_of("0123456789") == std::string::npos) {
            const int32_t token = std::stoi(name);
            return token < llama_vocab_n_tokens(vocab) ? token : -1;
        }
        int32_t found[2];
        const int32_t n = llama_tokenize(vocab, name.c_str(), static_cast<int32_t>(name.size()), found, 2, false, true);
        return n == 1 ? found[0] : -1;
    };
}

}  // namespace echorator
