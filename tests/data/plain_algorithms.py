"""The algorithms as a textbook has them, by loops over lists: the states of a ``TraceData``."""

from __future__ import annotations

from copy import deepcopy


def plain_bfs(n, length, source):
    reached, pointer = [v == source for v in range(n)], list(range(n))
    while True:
        yield {"reached": list(reached), "pointer": list(pointer)}
        before = list(reached)
        for i in range(n):
            for j in range(n):
                if (i, j) in length and before[i] and not reached[j]:
                    reached[j], pointer[j] = True, i
        if reached == before:
            return


def plain_bellman_ford(n, length, source):
    distance, pointer = {source: 0.0}, list(range(n))
    while True:
        yield {
            "reached": [v in distance for v in range(n)],
            "distance": [distance.get(v, 0.0) for v in range(n)],
            "pointer": list(pointer),
        }
        before = dict(distance)
        for u in before:
            for v in range(n):
                if (u, v) not in length:
                    continue
                way = before[u] + length[u, v]
                shorter = v not in distance or way < distance[v]
                # equal ways of one round: through the smallest node
                if shorter or (way == distance[v] != before.get(v) and u < pointer[v]):
                    distance[v], pointer[v] = way, u
        if distance == before:
            return


def plain_prim(n, length, source):
    key, marked, queue, pointer, node = {source: 0.0}, set(), {source}, list(range(n)), None
    while True:
        yield {
            "key": [key.get(v, 0.0) for v in range(n)],
            "marked": [v in marked for v in range(n)],
            "queued": [v in queue for v in range(n)],
            "node": [v == node for v in range(n)],
            "pointer": list(pointer),
        }
        if not queue:
            return
        node = min(queue, key=lambda v: (key[v], v))
        queue.remove(node)
        marked.add(node)
        for v in range(n):
            if (node, v) in length and v not in marked and length[node, v] < key.get(v, 9e9):
                key[v], pointer[v] = length[node, v], node
                queue.add(v)


def plain_floyd_warshall(n, length):
    distance = dict(length)
    pointer = {(i, j): i for i in range(n) for j in range(n)}
    for k in (None, *range(n)):
        before, aims = dict(distance), dict(pointer)
        for i in range(n) if k is not None else ():
            for j in range(n):
                if (i, k) in before and (k, j) in before:
                    way = before[i, k] + before[k, j]
                    if (i, j) not in before or way < before[i, j]:
                        distance[i, j], pointer[i, j] = way, aims[k, j]
        yield {
            "reached": [(i, j) in distance for i in range(n) for j in range(n)],
            "distance": [distance.get((i, j), 0.0) for i in range(n) for j in range(n)],
            "pointer": [pointer[i, j] for i in range(n) for j in range(n)],
            "node": [v == k for v in range(n)],
        }


def plain_minimum(keys):
    best = 0
    for i, key in enumerate(keys):
        if key < keys[best]:
            best = i
        yield {"least": _one(keys, best), "node": _one(keys, i)}


def plain_insertion_sort(keys):
    places = list(range(len(keys)))
    for j in range(len(keys)):
        i = j - 1
        while i >= 0 and keys[places[i]] > keys[j]:
            places[i + 1] = places[i]
            i -= 1
        places[i + 1] = j
        behind = places[i + 2] if i + 1 < j else j
        yield {"pointer": _before(places), "node": _one(keys, j), "behind": _one(keys, behind)}


def plain_quickselect(keys):
    n, places = len(keys), list(range(len(keys)))
    p, r, target = 0, len(keys) - 1, len(keys) // 2

    def state(i, j, pivot):
        return deepcopy(
            {
                "pointer": _before(places),
                "first": _one(keys, places[p]),
                "last": _one(keys, places[r]),
                "slot": _one(keys, places[i]),
                "pivot": _one(keys, places[pivot]),
                "node": _one(keys, None if j is None else places[j]),
                "rank": [(i - p) / n],
                "target": [(target - p) / n],
            }
        )

    yield state(p, None, r)
    while True:
        i = p
        for j in range(p, r):
            if keys[places[j]] <= keys[places[r]]:
                places[i], places[j] = places[j], places[i]
                i += 1
            yield state(i, j, r)
        places[i], places[r] = places[r], places[i]
        yield state(i, r, i)
        if i == target:
            return
        p, r = (i + 1, r) if i < target else (p, i - 1)


def _one(keys, place):
    return [v == place for v in range(len(keys))]


def _before(places):
    pointer = [0] * len(places)
    for place, node in enumerate(places):
        pointer[node] = places[max(place - 1, 0)]
    return pointer
