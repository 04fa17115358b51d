// SPDX-License-Identifier: Apache-2.0
/// @file queue_implementation.h
/// Doubly linked lists whose links are members of what is in them. A list is a link of its own, the head, that points
/// to itself when the list is empty. Not locked.
#ifndef OPENDEXT_DRIVERKIT_QUEUE_IMPLEMENTATION_H
#define OPENDEXT_DRIVERKIT_QUEUE_IMPLEMENTATION_H

#include <stdbool.h>
#include <stddef.h>

/// A link.
struct queue_entry {
    struct queue_entry *next;
    struct queue_entry *prev;
};

typedef struct queue_entry *queue_entry_t;
typedef struct queue_entry *queue_t;
typedef struct queue_entry queue_head_t;
typedef struct queue_entry queue_chain_t;

/// Makes an empty list of a head.
static inline void queue_init(queue_t queue) {
    queue->next = queue;
    queue->prev = queue;
}

/// Whether a list has no links but its head.
static inline bool queue_empty(queue_t queue) {
    return queue->next == queue;
}

/// The first link; the head itself when the list is empty.
static inline queue_entry_t queue_first(queue_t queue) {
    return queue->next;
}
/// The last link; the head itself when the list is empty.
static inline queue_entry_t queue_last(queue_t queue) {
    return queue->prev;
}

/// The link behind one; the head is behind the last.
static inline queue_entry_t queue_next(queue_entry_t link) {
    return link->next;
}
/// The link in front of one; the head is in front of the first.
static inline queue_entry_t queue_prev(queue_entry_t link) {
    return link->prev;
}
/// Whether a walk along the list has come to its end.
static inline bool queue_end(queue_t queue, queue_entry_t link) {
    return link == queue;
}

/// Puts `link` behind `before`.
static inline void insque(queue_entry_t link, queue_entry_t before) {
    link->next = before->next;
    link->prev = before;
    before->next->prev = link;
    before->next = link;
}

/// Takes a link out of its list.
static inline void remqueue(queue_entry_t link) {
    link->next->prev = link->prev;
    link->prev->next = link->next;
    link->next = NULL;
    link->prev = NULL;
}

/// The same. @return the link.
static inline queue_entry_t remque(queue_entry_t link) {
    remqueue(link);
    return link;
}

/// Puts a link in front of all others.
static inline void enqueue_head(queue_t queue, queue_entry_t link) {
    insque(link, queue);
}
/// Puts a link behind all others.
static inline void enqueue_tail(queue_t queue, queue_entry_t link) {
    insque(link, queue->prev);
}

/// Takes the first link out; NULL when the list is empty.
static inline queue_entry_t dequeue_head(queue_t queue) {
    return queue_empty(queue) ? NULL : remque(queue->next);
}
/// Takes the last link out; NULL when the list is empty.
static inline queue_entry_t dequeue_tail(queue_t queue) {
    return queue_empty(queue) ? NULL : remque(queue->prev);
}

#endif
