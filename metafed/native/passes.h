// The passes over one client's images of which epilogue.cpp is made. Its formulas are explained there.

#pragma once

#include "images.h"

#include <cmath>

namespace metafed {

constexpr long AHEAD = 16;  // pixels that are called from memory before their turn

struct Shape {
    long C, N, H, W, F, side;  // side: 2 with pooling, 1 without
    long channels() const { return whole(F); }
    long image() const { return H * W * channels(); }
    long images() const { return N * image(); }
    long down() const { return H / side; }
    long across() const { return W / side; }
    long pooled() const { return down() * across() * channels(); }
    long windows() const { return N * pooled(); }
};

// One client's images and what belongs to them, a number a channel where nothing else is said; u may be null.
template <typename T, int SIDE>
struct Client {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    typedef typename L::ints ints;

    Shape s;
    const T *mean, *r;
    const T* z;                           // (N, H, W, channels)
    const T* mask;                        // (N): which rows are real; null if all
    const std::uint8_t* where = nullptr;  // as y
    const T* gy = nullptr;
    const T* u = nullptr;  // as z

    bool real(long n) const { return !mask || mask[n] != T(0); }
    long pixel(long k) const { return (k / SIDE * s.W + k % SIDE) * s.channels(); }

    // M: the pixels of real rows.
    double pixels() const {
        double rows = 0;
        for (long n = 0; n < s.N; n++) rows += real(n);
        return rows * s.H * s.W;
    }

    // For every pixel of the real rows: f(g, where it is), in blocks of G vectors of channels; after each image done().
    template <int G, typename F, typename D>
    void every(long first, F f, D done) const {
        for (long n = 0; n < s.N; n++) {
            if (!real(n)) continue;
            long at = n * s.image() + first;
            for (long i = 0; i < s.H * s.W; i++, at += s.channels())
                for (int g = 0; g < G; g++) f(g, at + g * lanes<T>());
            done();
        }
    }

    // Sums in float64, an image's in T: `totals` += `sums`, which become 0.
    template <int G>
    static void flush(vec (&sums)[G], double* totals) {
        T flat[G * lanes<T>()];
        std::memcpy(flat, sums, sizeof flat);
        for (long i = 0; i < G * lanes<T>(); i++) totals[i] += flat[i];
        std::memset(sums, 0, sizeof sums);
    }

    // mean and r of z over the real rows.
    void statistics(double epsilon, T* to_mean, T* to_r) const {
        const double M = pixels();
        blocks<T>(s.channels(), [&](auto vectors, long first) {
            constexpr int G = decltype(vectors)::value;
            double totals[2][G * lanes<T>()] = {};
            vec sums[G] = {}, middle[G];
            every<G>(first, [&](int g, long at) { sums[g] += L::load(z + at); }, [&] { flush(sums, totals[0]); });
            for (long i = 0; i < G * lanes<T>(); i++) to_mean[first + i] = T(totals[0][i] / M);
            for (int g = 0; g < G; g++) middle[g] = L::load(to_mean + first + g * lanes<T>());
            // the variance in a pass of its own: sums of squares would lose what is left of a large mean
            every<G>(
                first,
                [&](int g, long at) {
                    const vec away = L::load(z + at) - middle[g];
                    sums[g] += away * away;
                },
                [&] { flush(sums, totals[1]); });
            for (long i = 0; i < G * lanes<T>(); i++) to_r[first + i] = T(1 / std::sqrt(totals[1][i] / M + epsilon));
        });
    }

    // y and where, for the factor and the shift of the norm.
    void pool(const T* factor, const T* shift, bool relu, T* y, std::uint8_t* to_where) const {
        const long P = s.channels();
        blocks<T>(P, [&](auto vectors, long first) {
            constexpr int G = decltype(vectors)::value;
            vec middle[G], slope[G], offset[G];
            for (int g = 0; g < G; g++) {
                const long c = first + g * lanes<T>();
                middle[g] = L::load(mean + c);
                slope[g] = L::load(factor + c) * L::load(r + c);
                offset[g] = L::load(shift + c);
            }
            long to = first;
            for (long n = 0; n < s.N; n++)
                for (long i = 0; i < s.down(); i++)
                    for (long j = 0; j < s.across(); j++, to += P) {
                        const T* at = z + n * s.image() + (i * SIDE * s.W + j * SIDE) * P + first;
                        for (int g = 0; g < G; g++, at += lanes<T>()) {
                            vec best = (L::load(at) - middle[g]) * slope[g] + offset[g];
                            ints chosen = {};
                            for (int k = 1; k < SIDE * SIDE; k++) {
                                const vec value = (L::load(at + pixel(k)) - middle[g]) * slope[g] + offset[g];
                                const ints more = value > best;
                                best = more ? value : best;
                                chosen = more ? ints{} + k : chosen;
                            }
                            if (relu) {
                                // a NaN is not cut off: it has to reach the loss
                                const ints cut = best <= T(0);
                                best = cut ? vec{} : best;
                                chosen = cut ? ints{} + CUT : chosen;
                            }
                            L::store(y + to + g * lanes<T>(), best);
                            L::store_where(to_where + to + g * lanes<T>(), chosen);
                        }
                    }
        });
    }

    // For every window: f(g, where it is, h, chosen, x and u at the maximum), in blocks of G vectors of channels from
    // `first`; after each image done().
    template <int G, typename F, typename D>
    void windows(long first, F f, D done) const {
        const long P = s.channels();
        long to = first;
        for (long n = 0; n < s.N; n++) {
            for (long i = 0; i < s.down(); i++)
                for (long j = 0; j < s.across(); j++, to += P)
                    for (int g = 0; g < G; g++) {
                        const long c = g * lanes<T>(), at = n * s.image() + (i * SIDE * s.W + j * SIDE) * P + first + c;
                        const ints chosen = L::load_where(where + to + c);
                        __builtin_prefetch(z + at + AHEAD * P);
                        vec value = L::load(z + at), change = u ? L::load(u + at) : vec{};
                        for (int k = 1; k < SIDE * SIDE; k++) {
                            value = chosen == k ? L::load(z + at + pixel(k)) : value;
                            if (u) change = chosen == k ? L::load(u + at + pixel(k)) : change;
                        }
                        const vec h = chosen == CUT ? vec{} : L::load(gy + to + c);
                        const vec x = (value - L::load(mean + first + c)) * L::load(r + first + c);
                        f(g, to + c, h, chosen, x, change);
                    }
            done();
        }
    }

    // Sums over all windows of h, h x and, with u, h u.
    void window_sums(double* h_sum, double* hx_sum, double* hu_sum) const {
        for (double* sum : {h_sum, hx_sum, hu_sum})
            if (sum) std::fill(sum, sum + s.channels(), 0.0);
        blocks<T>(s.channels(), [&](auto vectors, long first) {
            constexpr int G = decltype(vectors)::value;
            vec sums[3][G] = {};
            windows<G>(
                first,
                [&](int g, long, vec h, ints, vec x, vec change) {
                    sums[0][g] += h;
                    sums[1][g] += h * x;
                    if (u) sums[2][g] += h * change;
                },
                [&] {
                    flush(sums[0], h_sum + first);
                    flush(sums[1], hx_sum + first);
                    if (hu_sum) flush(sums[2], hu_sum + first);
                });
        });
    }

    // Sums over the real rows' pixels of u and u x.
    void pixel_sums(double* u_sum, double* ux_sum) const {
        for (double* sum : {u_sum, ux_sum}) std::fill(sum, sum + s.channels(), 0.0);
        blocks<T>(s.channels(), [&](auto vectors, long first) {
            constexpr int G = decltype(vectors)::value;
            vec sums[2][G] = {}, middle[G], slope[G];
            for (int g = 0; g < G; g++) {
                middle[g] = L::load(mean + first + g * lanes<T>());
                slope[g] = L::load(r + first + g * lanes<T>());
            }
            every<G>(
                first,
                [&](int g, long at) {
                    const vec change = L::load(u + at);
                    sums[0][g] += change;
                    sums[1][g] += change * (L::load(z + at) - middle[g]) * slope[g];
                },
                [&] {
                    flush(sums[0], u_sum + first);
                    flush(sums[1], ux_sum + first);
                });
        });
    }

    // to = a u + d x + b at the maxima, 0 where y is cut off.
    void pick(const T* a, const T* b, const T* d, T* to) const {
        blocks<T>(s.channels(), [&](auto vectors, long first) {
            windows<decltype(vectors)::value>(
                first,
                [&](int g, long at, vec, ints chosen, vec x, vec change) {
                    const long c = first + g * lanes<T>();
                    const vec sum = L::load(a + c) * change + L::load(d + c) * x + L::load(b + c);
                    L::store(to + at, chosen == CUT ? vec{} : sum);
                },
                [] {});
        });
    }

    // to (N, H, W, channels) = a h at the maxima, and in real rows b + d x + e u on top everywhere.
    void lay(const T* a, const T* b, const T* d, const T* e, T* to) const {
        const long P = s.channels();
        for (long n = 0; n < s.N; n++) {
            const T on = real(n);
            const long image = n * s.image();
            blocks<T>(P, [&](auto vectors, long first) {
                constexpr int G = decltype(vectors)::value;
                vec middle[G], slope[G], base[G], sparse[G], dense[G];
                for (int g = 0; g < G; g++) {
                    const long c = first + g * lanes<T>();
                    middle[g] = L::load(mean + c);
                    slope[g] = L::load(d + c) * L::load(r + c) * on;
                    base[g] = L::load(b + c) * on;
                    sparse[g] = L::load(a + c);
                    dense[g] = u ? L::load(e + c) * on : vec{};
                }
                auto put = [&](int g, long at, vec start) {
                    vec sum = start + (L::load(z + at) - middle[g]) * slope[g] + base[g];
                    if (u) sum += dense[g] * L::load(u + at);
                    __builtin_prefetch(z + at + AHEAD * P);
                    __builtin_prefetch(to + at + AHEAD * P, 1);
                    L::store(to + at, sum);
                };
                long window = n * s.pooled() + first;
                for (long i = 0; i < s.down(); i++)
                    for (long j = 0; j < s.across(); j++, window += P)
                        for (int g = 0; g < G; g++) {
                            const long c = g * lanes<T>(), at = image + (i * SIDE * s.W + j * SIDE) * P + first + c;
                            const ints chosen = L::load_where(where + window + c);
                            const vec h = sparse[g] * L::load(gy + window + c);
                            for (int k = 0; k < SIDE * SIDE; k++) put(g, at + pixel(k), chosen == k ? h : vec{});
                        }
                for (long i = 0; i < s.H; i++)  // pixels that are in no window
                    for (long j = i < s.down() * SIDE ? s.across() * SIDE : 0; j < s.W; j++)
                        for (int g = 0; g < G; g++) put(g, image + (i * s.W + j) * P + first + g * lanes<T>(), vec{});
            });
        }
    }
};

}  // namespace metafed
