// What a file of hnswlib 0.8.0's saveIndex must be like before hnswlib may read it.
//
// loadIndex checks the length of the file and nothing else: a link to a node that is not there, or a start on a level that
// the node does not have, is followed into foreign memory. Everything that a load or a search uses as a size, a place or an
// index is checked here; numbers must be finite and labels distinct. Pure. Fed by recall_index.pyx, which compares the
// vectors with those of the index too. The format: hnswlib/hnswalg.h, HierarchicalNSW::saveIndex.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

namespace echorator {

class GraphFile {
public:
    GraphFile(const uint8_t * bytes, size_t size, size_t dim, size_t labels, size_t m, size_t ef_build)
        : bytes_(bytes), size_(size), dim_(dim), n_(labels), m_(m), ef_build_(ef_build) {}

    // What is wrong with the file; empty where nothing is.
    std::string damage() const {
        for (const auto check : {&GraphFile::header_damage, &GraphFile::node_damage, &GraphFile::upper_damage}) {
            const std::string found = (this->*check)();
            if (!found.empty()) return found;
        }
        return "";
    }

    // Of the node `i` < labels; the file must be whole.
    uint64_t label(size_t i) const { return at<uint64_t>(node(i) + label_offset()); }
    void vector(size_t i, float * out) const { std::memcpy(out, bytes_ + node(i) + data_offset(), dim_ * sizeof(float)); }

private:
    static constexpr size_t kHeader = 6 * 8 + 4 + 4 + 3 * 8 + 8 + 8;
    static constexpr size_t kHighestLevel = 64;  // the level of a node is -ln(uniform) / ln(m): 64 is beyond any

    // A list of links is their number, in 4 bytes of which hnswlib uses the third as a mark of deletion, then places for `most`.
    static size_t list_bytes(size_t most) { return 4 + 4 * most; }
    size_t data_offset() const { return list_bytes(2 * m_); }
    size_t label_offset() const { return data_offset() + 4 * dim_; }
    size_t node_bytes() const { return label_offset() + 8; }
    size_t node(size_t i) const { return kHeader + i * node_bytes(); }

    template <typename T> T at(size_t place) const {
        T value;
        std::memcpy(&value, bytes_ + place, sizeof value);
        return value;
    }

    std::string header_damage() const {
        if (n_ == 0) return "it has no labels";
        if (size_ < kHeader || n_ > (size_ - kHeader) / (node_bytes() + 4)) return "it is too short for its labels";
        // offsetLevel0, max_elements, cur_element_count, size_data_per_element, label_offset, offsetData
        const uint64_t sizes[] = {0, n_, n_, node_bytes(), label_offset(), data_offset()};
        for (size_t i = 0; i < 6; i++) {
            if (at<uint64_t>(8 * i) != sizes[i]) return "its sizes are not those of these labels and vectors";
        }
        // maxM, maxM0, M
        const uint64_t links[] = {m_, 2 * m_, m_};
        for (size_t i = 0; i < 3; i++) {
            if (at<uint64_t>(56 + 8 * i) != links[i]) return "its nodes have another number of links";
        }
        if (at<double>(80) != 1.0 / std::log(1.0 * static_cast<double>(m_))) return "its levels are drawn in another way";
        if (at<uint64_t>(88) != ef_build_) return "it was built with another beam";
        const int32_t top = at<int32_t>(48);
        if (top < 0 || static_cast<size_t>(top) > kHighestLevel) return "its highest level cannot be";
        if (at<uint32_t>(52) >= n_) return "its first node is not there";
        return "";
    }

    // The links of one list at `place`: `levels` says which nodes may be linked on `level`.
    bool links_hold(size_t place, size_t most, const std::vector<uint8_t> * levels, size_t level) const {
        const uint32_t count = at<uint32_t>(place);  // no mark of deletion either: nothing is deleted in a graph of ours
        if (count > most) return false;
        for (size_t i = 0; i < count; i++) {
            const uint32_t to = at<uint32_t>(place + 4 + 4 * i);
            if (to >= n_ || (levels && (*levels)[to] < level)) return false;
        }
        return true;
    }

    std::string node_damage() const {
        std::unordered_set<uint64_t> labels;
        labels.reserve(n_);
        for (size_t i = 0; i < n_; i++) {
            if (!links_hold(node(i), 2 * m_, nullptr, 0)) return "a node has links that cannot be";
            for (size_t j = 0; j < dim_; j++) {
                if (!std::isfinite(at<float>(node(i) + data_offset() + 4 * j))) return "a vector has numbers that are none";
            }
            if (!labels.insert(label(i)).second) return "a label is there twice";
        }
        return "";
    }

    // The lists above level 0: their whole length in 4 bytes for each node, then one for each level from 1 on.
    std::string upper_damage() const {
        const size_t list = list_bytes(m_), top = static_cast<size_t>(at<int32_t>(48));
        std::vector<uint8_t> levels(n_);
        std::vector<size_t> places(n_);
        size_t place = node(n_);
        for (size_t i = 0; i < n_; i++) {
            if (size_ - place < 4) return "its upper levels are cut off";
            const size_t bytes = at<uint32_t>(place);
            place += 4;
            if (bytes % list || bytes / list > top) return "a node has levels that cannot be";
            if (size_ - place < bytes) return "its upper levels are cut off";
            levels[i] = static_cast<uint8_t>(bytes / list);
            places[i] = place;
            place += bytes;
        }
        if (place != size_) return "something follows its end";
        if (levels[at<uint32_t>(52)] != top) return "its first node is not on the highest level";
        for (size_t i = 0; i < n_; i++) {
            for (size_t level = 1; level <= levels[i]; level++) {
                if (!links_hold(places[i] + (level - 1) * list, m_, &levels, level)) return "a node has links that cannot be on a level";
            }
        }
        return "";
    }

    const uint8_t * const bytes_;
    const size_t size_, dim_, n_, m_, ef_build_;
};

}  // namespace echorator
