// SPDX-License-Identifier: Apache-2.0
/// @file interval_index.h
/// Ranges that may overlap, each with a value; finding one that covers a given range takes O(log n).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

namespace opendext {

/// Holds ranges [start, end), equal ones too; `tag` orders equal ranges. Values stay where they are until they
/// are erased. One thread at a time.
///
/// A treap: a search tree by (start, end, tag) whose shape is that of random insertion, each node of which
/// knows the largest end below it.
template <typename Value>
class IntervalIndex {
public:
    struct Node {
        const uint64_t start;
        const uint64_t end;
        const uint64_t tag;
        Value value;

    private:
        friend class IntervalIndex;
        Node(uint64_t node_start, uint64_t node_end, uint64_t node_tag, Value node_value)
            : start(node_start), end(node_end), tag(node_tag), value(std::move(node_value)) {}
        uint64_t largest_end = 0;
        uint64_t priority = 0;
        Node *left = nullptr;
        Node *right = nullptr;
    };

    IntervalIndex() = default;
    IntervalIndex(IntervalIndex &&other) noexcept
        : root_(std::exchange(other.root_, nullptr)),
          num_nodes_(std::exchange(other.num_nodes_, 0)),
          random_(other.random_) {}
    IntervalIndex &operator=(IntervalIndex &&) = delete;
    ~IntervalIndex() { Destroy(root_); }

    [[nodiscard]] size_t size() const { return num_nodes_; }

    /// @return the node: valid until it is erased.
    Node *Insert(uint64_t start, uint64_t end, uint64_t tag, Value value) {
        Node *node = new Node(start, end, tag, std::move(value));
        node->priority = NextRandom();
        Update(*node);
        InsertBelow(root_, node);
        ++num_nodes_;
        return node;
    }

    /// Takes `node` out and destroys it. @return its value.
    Value Erase(Node *node) {
        EraseBelow(root_, node);
        --num_nodes_;
        Value value = std::move(node->value);
        delete node;
        return value;
    }

    /// The first node of exactly this range, with a tag from `first_tag` to `last_tag`, that `accept` takes;
    /// NULL when there is none. Looks at no other node's value.
    template <typename Accept>
    [[nodiscard]] Node *FindSame(uint64_t start, uint64_t end, uint64_t first_tag,
                                 uint64_t last_tag, Accept accept) const {
        return FindBetween(root_, {start, end, first_tag}, {start, end, last_tag}, accept);
    }

    /// A node whose range holds [start, end), or NULL.
    [[nodiscard]] Node *FindCovering(uint64_t start, uint64_t end) const {
        Node *node = root_;
        while (node != nullptr && node->largest_end >= end) {
            if (node->start > start) {
                node = node->left;
            } else if (node->end >= end) {
                return node;
            } else if (node->left != nullptr && node->left->largest_end >= end) {
                node =
                    node->left;  // all of it starts early enough, and some of it ends late enough
            } else {
                node = node->right;
            }
        }
        return nullptr;
    }

private:
    using Key = std::tuple<uint64_t, uint64_t, uint64_t>;

    static Key KeyOf(const Node &node) { return {node.start, node.end, node.tag}; }

    /// Nodes of one key are ordered by address, so that each can be found again.
    static bool IsBefore(const Node &a, const Node &b) {
        if (a.start != b.start) {
            return a.start < b.start;
        }
        return std::tuple(a.end, a.tag, reinterpret_cast<uintptr_t>(&a)) <
               std::tuple(b.end, b.tag, reinterpret_cast<uintptr_t>(&b));
    }

    static void Update(Node &node) {
        node.largest_end = node.end;
        for (const Node *child : {node.left, node.right}) {
            if (child != nullptr) {
                node.largest_end = std::max(node.largest_end, child->largest_end);
            }
        }
    }

    /// Cuts `tree` into what is before `node` and what is after it.
    static void Split(Node *tree, const Node &node, Node *&before, Node *&after) {
        if (tree == nullptr) {
            before = after = nullptr;
            return;
        }
        if (IsBefore(*tree, node)) {
            Split(tree->right, node, tree->right, after);
            before = tree;
        } else {
            Split(tree->left, node, before, tree->left);
            after = tree;
        }
        Update(*tree);
    }

    /// Joins two trees, all of `before` being before all of `after`.
    static Node *Join(Node *before, Node *after) {
        if (before == nullptr || after == nullptr) {
            return before != nullptr ? before : after;
        }
        if (before->priority > after->priority) {
            before->right = Join(before->right, after);
            Update(*before);
            return before;
        }
        after->left = Join(before, after->left);
        Update(*after);
        return after;
    }

    static void InsertBelow(Node *&tree, Node *node) {
        if (tree == nullptr) {
            tree = node;
        } else if (node->priority > tree->priority) {
            Split(tree, *node, node->left, node->right);
            tree = node;
        } else {
            InsertBelow(IsBefore(*node, *tree) ? tree->left : tree->right, node);
        }
        Update(*tree);
    }

    static void EraseBelow(Node *&tree, Node *node) {
        if (tree == node) {
            tree = Join(node->left, node->right);
            return;
        }
        EraseBelow(IsBefore(*node, *tree) ? tree->left : tree->right, node);
        Update(*tree);
    }

    template <typename Accept>
    static Node *FindBetween(Node *tree, const Key &first, const Key &last, Accept &accept) {
        if (tree == nullptr) {
            return nullptr;
        }
        if (KeyOf(*tree) < first) {
            return FindBetween(tree->right, first, last, accept);
        }
        if (KeyOf(*tree) > last) {
            return FindBetween(tree->left, first, last, accept);
        }
        if (Node *found = FindBetween(tree->left, first, last, accept)) {
            return found;
        }
        return accept(tree->value) ? tree : FindBetween(tree->right, first, last, accept);
    }

    static void Destroy(Node *tree) {
        if (tree != nullptr) {
            Destroy(tree->left);
            Destroy(tree->right);
            delete tree;
        }
    }

    uint64_t NextRandom() {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return random_;
    }

    Node *root_ = nullptr;
    size_t num_nodes_ = 0;
    uint64_t random_ = 0x9E3779B97F4A7C15;
};

}  // namespace opendext
