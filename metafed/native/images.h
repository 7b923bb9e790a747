// What the kernels for images share. Images lie channels-last, (C, N, H, W, channels), with as many channels as a
// whole number of BLOCK; those beyond the true ones are 0.

#pragma once

#include <cstdint>

#include "products.h"

namespace metafed {

constexpr long BLOCK = 16;

inline long whole(long channels) { return (channels + BLOCK - 1) / BLOCK * BLOCK; }

// Room for `count` numbers on a cache line; each KIND has its own, kept from call to call. It has a static name, since
// the loader would give all libraries of the process one and the same.
template <typename T, int KIND>
static T* scratch(long count) {
    thread_local std::vector<T> held;
    if ((long)held.size() < count + 64) held.resize(count + 64);
    return (T*)(((std::uintptr_t)held.data() + 63) / 64 * 64);
}

// Unsigned numbers of BYTES bytes, as many as a vector of T has numbers.
template <typename T, int BYTES>
struct Counts;
#define COUNTS(BYTES, TYPE)                                                                             \
    template <typename T>                                                                               \
    struct Counts<T, BYTES> {                                                                           \
        typedef TYPE type __attribute__((vector_size(VECTOR_BYTES / sizeof(T) * BYTES), aligned(BYTES), may_alias)); \
    };
COUNTS(1, std::uint8_t)
COUNTS(2, std::uint16_t)
COUNTS(4, std::uint32_t)
#undef COUNTS

// Vectors of T with the whole numbers that say which pixel of a window is meant. In memory they may lie anywhere; `vec`
// is for variables, since compilers lose track of a lower alignment where a type is deduced.
template <typename T>
struct Lanes {
    typedef T vec __attribute__((vector_size(VECTOR_BYTES)));
    typedef decltype(vec{} < vec{}) ints;
    typedef typename Counts<T, 1>::type bytes;

    static vec load(const T* from) { return *(const typename Simd<T>::type*)from; }
    static void store(T* to, vec value) { *(typename Simd<T>::type*)to = value; }
    static ints load_where(const std::uint8_t* from) {
        // step by step: compilers know how to double a number's width, but not all how to do more at once
        const auto wider = __builtin_convertvector(*(const bytes*)from, typename Counts<T, 2>::type);
        if constexpr (sizeof(T) == 4)
            return __builtin_convertvector(wider, ints);
        else
            return __builtin_convertvector(__builtin_convertvector(wider, typename Counts<T, 4>::type), ints);
    }
    static void store_where(std::uint8_t* to, ints value) { *(bytes*)to = __builtin_convertvector(value, bytes); }
};

// The pixel of a window whose number does not come through: ReLU cuts it off.
constexpr int CUT = 4;

// Call f with the number of vectors to do at once, as a constant, and the first channel, for all channels.
template <typename T, typename F>
void blocks(long channels, F f) {
    constexpr long many = COLUMN_VECTORS * lanes<T>();
    long first = 0;
    for (; first + many <= channels; first += many) f(std::integral_constant<int, COLUMN_VECTORS>(), first);
    for (; first < channels; first += lanes<T>()) f(std::integral_constant<int, 1>(), first);
}

}  // namespace metafed
