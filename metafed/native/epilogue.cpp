// What follows a convolution: batch norm by the statistics of the client's own rows, ReLU, max-pooling; with its first
// and second derivatives. Images are laid out as images.h says; scale and shift are (C, F).
//
// With z the convolution's result, x = (z - mean) r and r = (variance + epsilon)^-1/2 over the M pixels of real rows,
// window p of the result is y_p = relu(max of scale x + shift). `where` says at which pixel the maximum is, the first
// of equal ones, or CUT; h is gy where y is not cut, else 0.

#include "images.h"

#include <cmath>

using namespace metafed;

namespace {

constexpr long AHEAD = 16;  // pixels that are called from memory before their turn

struct Shape {
    long C, N, H, W, F, side;  // side: 2 with pooling, 1 without
    long channels() const { return whole(F); }
    long image() const { return H * W * channels(); }
    long down() const { return H / side; }
    long across() const { return W / side; }
    long pooled() const { return down() * across() * channels(); }
};

// A client's numbers: one a channel, padded.
template <typename T>
struct Client {
    const T *mean, *r, *scale;
    const T* mask;  // (N): which rows are real; null if all
    double M;

    bool real(long n) const { return !mask || mask[n] != T(0); }
};

template <typename T, int KIND>
T* wide(const T* from, long F) {
    T* to = scratch<T, KIND>(whole(F));
    std::fill(to, to + whole(F), T(0));
    if (from) std::copy(from, from + F, to);
    return to;
}

template <typename T>
double pixels(const Shape& s, const T* mask) {
    double rows = 0;
    for (long n = 0; n < s.N; n++) rows += !mask || mask[n] != T(0);
    return rows * s.H * s.W;
}

// A client's mean and r (channels) over the real rows of z.
template <typename T>
void statistics(const Shape& s, const T* z, const Client<T>& client, double epsilon, T* mean, T* r) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    const long P = s.channels();
    blocks<T>(P, [&](auto vectors, long first) {
        constexpr int G = decltype(vectors)::value;
        constexpr long width = G * lanes<T>();
        double total[2][width] = {};
        vec middle[G] = {};
        // the variance in a pass of its own: sums of squares would lose what is left of a large mean
        for (int pass = 0; pass < 2; pass++) {
            for (long n = 0; n < s.N; n++) {
                if (!client.real(n)) continue;
                vec sums[G] = {};
                const T* at = z + n * s.image() + first;
                for (long i = 0; i < s.H * s.W; i++, at += P)
                    for (int g = 0; g < G; g++) {
                        const vec away = L::load(at + g * lanes<T>()) - middle[g];
                        sums[g] += pass ? away * away : away;
                    }
                T flat[width];
                std::memcpy(flat, sums, sizeof flat);
                for (long i = 0; i < width; i++) total[pass][i] += flat[i];
            }
            for (long i = 0; i < width; i++) {
                if (pass)
                    r[first + i] = T(1 / std::sqrt(total[1][i] / client.M + epsilon));
                else
                    mean[first + i] = T(total[0][i] / client.M);
            }
            for (int g = 0; g < G; g++) middle[g] = L::load(mean + first + g * lanes<T>());
        }
    });
}

// y and where from z, for one client.
template <typename T, int SIDE>
void pool(const Shape& s, const T* z, const Client<T>& client, const T* shift, bool relu, T* y, std::uint8_t* where) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    typedef typename L::ints ints;
    const long P = s.channels();
    blocks<T>(P, [&](auto vectors, long first) {
        constexpr int G = decltype(vectors)::value;
        vec mean[G], factor[G], offset[G];
        for (int g = 0; g < G; g++) {
            const long c = first + g * lanes<T>();
            mean[g] = L::load(client.mean + c);
            factor[g] = L::load(client.r + c) * L::load(client.scale + c);
            offset[g] = L::load(shift + c);
        }
        long to = first;
        for (long n = 0; n < s.N; n++)
            for (long i = 0; i < s.down(); i++)
                for (long j = 0; j < s.across(); j++, to += P) {
                    const T* at = z + n * s.image() + (i * SIDE * s.W + j * SIDE) * P + first;
                    for (int g = 0; g < G; g++, at += lanes<T>()) {
                        vec best = (L::load(at) - mean[g]) * factor[g] + offset[g];
                        ints chosen = {};
                        for (int k = 1; k < SIDE * SIDE; k++) {
                            const T* other = at + (k / SIDE * s.W + k % SIDE) * P;
                            const vec value = (L::load(other) - mean[g]) * factor[g] + offset[g];
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
                        L::store_where(where + to + g * lanes<T>(), chosen);
                    }
                }
    });
}

// For every window: f(g, h, chosen, x at the maximum, u at the maximum), G vectors of channels; u may be null. After
// each image: done().
template <typename T, int SIDE, int G, typename F, typename D>
void windows(const Shape& s, long first, const Client<T>& client, const T* z, const T* u, const T* gy,
             const std::uint8_t* where, F f, D done) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    typedef typename L::ints ints;
    const long P = s.channels();
    long to = first;
    for (long n = 0; n < s.N; n++) {
        for (long i = 0; i < s.down(); i++)
            for (long j = 0; j < s.across(); j++, to += P) {
                const long at = n * s.image() + (i * SIDE * s.W + j * SIDE) * P + first;
                for (int g = 0; g < G; g++) {
                    const long c = g * lanes<T>();
                    const ints chosen = L::load_where(where + to + c);
                    __builtin_prefetch(z + at + c + AHEAD * P);
                    vec value = L::load(z + at + c), change = u ? L::load(u + at + c) : vec{};
                    for (int k = 1; k < SIDE * SIDE; k++) {
                        const long other = at + (k / SIDE * s.W + k % SIDE) * P + c;
                        value = chosen == k ? L::load(z + other) : value;
                        if (u) change = chosen == k ? L::load(u + other) : change;
                    }
                    const vec h = chosen == CUT ? vec{} : L::load(gy + to + c);
                    const vec x = (value - L::load(client.mean + first + c)) * L::load(client.r + first + c);
                    f(g, to + c, h, chosen, x, change);
                }
            }
        done();
    }
}

// Sums over all windows, a channel each, in float64: of h, h x and, with u, h u.
template <typename T, int SIDE>
void window_sums(const Shape& s, const Client<T>& client, const T* z, const T* u, const T* gy,
                 const std::uint8_t* where, double* h_sum, double* hx_sum, double* hu_sum) {
    typedef typename Lanes<T>::vec vec;
    blocks<T>(s.channels(), [&](auto vectors, long first) {
        constexpr int G = decltype(vectors)::value;
        constexpr long width = G * lanes<T>();
        vec sums[3][G] = {};
        double* totals[3] = {h_sum + first, hx_sum + first, hu_sum ? hu_sum + first : nullptr};
        for (double* total : totals)
            if (total) std::fill(total, total + width, 0.0);
        windows<T, SIDE, G>(
            s, first, client, z, u, gy, where,
            [&](int g, long, vec h, auto, vec x, vec change) {
                sums[0][g] += h;
                sums[1][g] += h * x;
                sums[2][g] += h * change;
            },
            [&] {
                T flat[3][width];
                std::memcpy(flat, sums, sizeof flat);
                for (int k = 0; k < 3; k++)
                    for (long i = 0; i < width && totals[k]; i++) totals[k][i] += flat[k][i];
                std::memset(sums, 0, sizeof sums);
            });
    });
}

// to = a h at the maxima, and in real rows b + d x + e u everywhere, for one client; u may be null.
template <typename T, int SIDE>
void lay(const Shape& s, const Client<T>& client, const T* z, const T* u, const T* gy, const std::uint8_t* where,
         const T* a, const T* b, const T* d, const T* e, T* to) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    const long P = s.channels();
    for (long n = 0; n < s.N; n++) {
        const T real = client.real(n);
        const T *zn = z + n * s.image(), *un = u ? u + n * s.image() : nullptr, *gn = gy + n * s.pooled();
        const std::uint8_t* wn = where + n * s.pooled();
        T* tn = to + n * s.image();
        blocks<T>(P, [&](auto vectors, long first) {
            constexpr int G = decltype(vectors)::value;
            vec mean[G], slope[G], base[G], sparse[G], dense[G];
            for (int g = 0; g < G; g++) {
                const long c = first + g * lanes<T>();
                // d x + b as a function of z
                mean[g] = L::load(client.mean + c);
                slope[g] = L::load(d + c) * L::load(client.r + c) * real;
                base[g] = L::load(b + c) * real;
                sparse[g] = L::load(a + c);
                dense[g] = u ? L::load(e + c) * real : vec{};
            }
            auto put = [&](int g, long at, vec start) {
                vec sum = start + (L::load(zn + at) - mean[g]) * slope[g] + base[g];
                if (u) sum += dense[g] * L::load(un + at);
                __builtin_prefetch(zn + at + AHEAD * P);
                __builtin_prefetch(tn + at + AHEAD * P, 1);
                L::store(tn + at, sum);
            };
            long window = first;
            for (long i = 0; i < s.down(); i++)
                for (long j = 0; j < s.across(); j++, window += P)
                    for (int g = 0; g < G; g++) {
                        const long c = g * lanes<T>(), at = (i * SIDE * s.W + j * SIDE) * P + first + c;
                        const auto chosen = L::load_where(wn + window + c);
                        const vec h = sparse[g] * L::load(gn + window + c);
                        for (int k = 0; k < SIDE * SIDE; k++)
                            put(g, at + (k / SIDE * s.W + k % SIDE) * P, chosen == k ? h : vec{});
                    }
            for (long i = 0; i < s.H; i++)  // pixels that are in no window
                for (long j = i < s.down() * SIDE ? s.across() * SIDE : 0; j < s.W; j++)
                    for (int g = 0; g < G; g++) put(g, (i * s.W + j) * P + first + g * lanes<T>(), vec{});
        });
    }
}

template <typename T>
void narrow(const double* from, long F, T* to) {
    if (to) std::copy(from, from + F, to);
}

// y, where, and the statistics (C, 2, channels): mean and r. Without scale there is no norm, and shift is a bias.
template <typename T, int SIDE>
void forward(Shape s, const T* z, const T* scale, long scales, const T* shift, long shifts, const T* mask,
             double epsilon, int relu, T* y, std::uint8_t* where, T* statistic) {
    const long P = s.channels();
    for (long c = 0; c < s.C; c++) {
        T *mean = statistic + 2 * c * P, *r = mean + P;
        T* factor = wide<T, 0>(scale ? scale + c * scales : nullptr, s.F);
        const T* own = mask ? mask + c * s.N : nullptr;
        Client<T> client{mean, r, factor, own, pixels(s, own)};
        if (scale)
            statistics(s, z + c * s.N * s.image(), client, epsilon, mean, r);
        else {
            std::fill(mean, r, T(0));
            std::fill(r, r + P, T(1));
            std::fill(factor, factor + P, T(1));
        }
        pool<T, SIDE>(s, z + c * s.N * s.image(), client, wide<T, 1>(shift + c * shifts, s.F), relu,
                      y + c * s.N * s.pooled(), where + c * s.N * s.pooled());
    }
}

// From gy: gz = scale r (h - (sum of h + x sum of h x) / M), gscale = sum of h x and gshift = sum of h.
template <typename T, int SIDE>
void backward(Shape s, const T* z, const T* scale, long scales, const T* mask, const T* statistic,
              const std::uint8_t* where, const T* gy, T* gz, T* gscale, T* gshift) {
    const long P = s.channels();
    double *h = scratch<double, 2>(P), *hx = scratch<double, 3>(P);
    T *a = scratch<T, 4>(P), *b = scratch<T, 5>(P), *d = scratch<T, 6>(P);
    for (long c = 0; c < s.C; c++) {
        const T *mean = statistic + 2 * c * P, *own = mask ? mask + c * s.N : nullptr;
        const T* factor = wide<T, 0>(scale ? scale + c * scales : nullptr, s.F);
        Client<T> client{mean, mean + P, factor, own, pixels(s, own)};
        const T *zc = z + c * s.N * s.image(), *gc = gy + c * s.N * s.pooled();
        const std::uint8_t* wc = where + c * s.N * s.pooled();
        window_sums<T, SIDE>(s, client, zc, nullptr, gc, wc, h, hx, nullptr);
        if (gz) {
            for (long i = 0; i < P; i++) {
                a[i] = scale ? factor[i] * client.r[i] : T(1);
                b[i] = scale ? T(-a[i] * h[i] / client.M) : T(0);
                d[i] = scale ? T(-a[i] * hx[i] / client.M) : T(0);
            }
            lay<T, SIDE>(s, client, zc, nullptr, gc, wc, a, b, d, nullptr, gz + c * s.N * s.image());
        }
        narrow(hx, s.F, gscale ? gscale + c * s.F : nullptr);
        narrow(h, s.F, gshift ? gshift + c * s.F : nullptr);
    }
}

// The derivatives of backward, of the sum of u gz + uscale gscale + ushift gshift: ggy in gy, and, with a norm, dz in z
// and dscale in scale.
template <typename T, int SIDE>
void twice(Shape s, const T* z, const T* scale, long scales, const T* mask, const T* statistic,
           const std::uint8_t* where, const T* gy, const T* u, const T* uscale, const T* ushift, T* ggy, T* dz,
           T* dscale) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    const long P = s.channels();
    double *h = scratch<double, 2>(P), *hx = scratch<double, 3>(P), *hu = scratch<double, 7>(P);
    double *u_sum = scratch<double, 8>(P), *ux_sum = scratch<double, 9>(P), *slopes = scratch<double, 10>(P);
    T *a = scratch<T, 4>(P), *b = scratch<T, 5>(P), *d = scratch<T, 6>(P), *e = scratch<T, 11>(P);
    for (long c = 0; c < s.C; c++) {
        const T *mean = statistic + 2 * c * P, *own = mask ? mask + c * s.N : nullptr;
        const T* factor = wide<T, 0>(scale ? scale + c * scales : nullptr, s.F);
        Client<T> client{mean, mean + P, factor, own, pixels(s, own)};
        const T *zc = z + c * s.N * s.image(), *gc = gy + c * s.N * s.pooled(), *uc = u + c * s.N * s.image();
        const std::uint8_t* wc = where + c * s.N * s.pooled();
        const T *cs = wide<T, 12>(uscale ? uscale + c * s.F : nullptr, s.F), *ct = wide<T, 13>(ushift ? ushift + c * s.F : nullptr, s.F);
        window_sums<T, SIDE>(s, client, zc, uc, gc, wc, h, hx, hu);
        blocks<T>(P, [&](auto vectors, long first) {
            constexpr int G = decltype(vectors)::value;
            constexpr long width = G * lanes<T>();
            vec at_mean[G], r[G];
            for (int g = 0; g < G; g++) {
                at_mean[g] = L::load(client.mean + first + g * lanes<T>());
                r[g] = L::load(client.r + first + g * lanes<T>());
            }
            std::fill(u_sum + first, u_sum + first + width, 0.0);
            std::fill(ux_sum + first, ux_sum + first + width, 0.0);
            for (long n = 0; n < s.N; n++) {
                if (!client.real(n)) continue;
                vec sums[2][G] = {};
                for (long i = 0; i < s.H * s.W; i++)
                    for (int g = 0; g < G; g++) {
                        const long at = n * s.image() + i * P + first + g * lanes<T>();
                        const vec change = L::load(uc + at);
                        sums[0][g] += change;
                        sums[1][g] += change * (L::load(zc + at) - at_mean[g]) * r[g];
                    }
                T flat[2][width];
                std::memcpy(flat, sums, sizeof flat);
                for (long i = 0; i < width; i++) u_sum[first + i] += flat[0][i];
                for (long i = 0; i < width; i++) ux_sum[first + i] += flat[1][i];
            }
        });
        // ggy = a u + d x + b at the maxima; k_h and k_u are the derivatives in x there and everywhere, over h and u
        for (long i = 0; i < P; i++) {
            const double gain = scale ? double(factor[i]) * client.r[i] : 1.0, share = scale ? 1 / client.M : 0.0;
            a[i] = T(gain);
            d[i] = T(cs[i] - gain * ux_sum[i] * share);
            b[i] = T(ct[i] - gain * u_sum[i] * share);
            slopes[i] = client.r[i] * (hu[i] - (h[i] * u_sum[i] + hx[i] * ux_sum[i]) * share);
        }
        blocks<T>(P, [&](auto vectors, long first) {
            T* to = ggy + c * s.N * s.pooled();
            windows<T, SIDE, decltype(vectors)::value>(
                s, first, client, zc, uc, gc, wc,
                [&](int g, long at, vec, auto chosen, vec x, vec change) {
                    const long i = first + g * lanes<T>();
                    const vec sum = L::load(a + i) * change + L::load(d + i) * x + L::load(b + i);
                    L::store(to + at, chosen == CUT ? vec{} : sum);
                },
                [] {});
        });
        narrow(slopes, s.F, dscale ? dscale + c * s.F : nullptr);
        if (!dz) continue;
        for (long i = 0; i < P; i++) {
            const double r = client.r[i], gain = double(factor[i]) * r, share = 1 / client.M;
            const double k_h = d[i], k_u = -gain * hx[i] * share;
            const double sum = k_h * h[i] + k_u * u_sum[i], sum_x = k_h * hx[i] + k_u * ux_sum[i];
            a[i] = T(r * k_h);
            e[i] = T(r * k_u);
            b[i] = T(-r * sum * share);
            d[i] = T(-r * (sum_x + factor[i] * slopes[i]) * share);
        }
        lay<T, SIDE>(s, client, zc, uc, gc, wc, a, b, d, e, dz + c * s.N * s.image());
    }
}

}  // namespace

#define BY_SIDE(CALL, ...) (side == 2 ? CALL<T, 2>(__VA_ARGS__) : CALL<T, 1>(__VA_ARGS__))
#define SIZES long C, long N, long H, long W, long F, long side
#define FOR_TYPE(TYPE, NAME)                                                                                           \
    extern "C" void forward_##NAME(SIZES, const TYPE* z, const TYPE* scale, long scales, const TYPE* shift,            \
                                   long shifts, const TYPE* mask, double epsilon, int relu, TYPE* y,                   \
                                   std::uint8_t* where, TYPE* statistic) {                                             \
        typedef TYPE T;                                                                                                \
        BY_SIDE(forward, {C, N, H, W, F, side}, z, scale, scales, shift, shifts, mask, epsilon, relu, y, where,        \
                statistic);                                                                                            \
    }                                                                                                                  \
    extern "C" void backward_##NAME(SIZES, const TYPE* z, const TYPE* scale, long scales, const TYPE* mask,            \
                                    const TYPE* statistic, const std::uint8_t* where, const TYPE* gy, TYPE* gz,        \
                                    TYPE* gscale, TYPE* gshift) {                                                      \
        typedef TYPE T;                                                                                                \
        BY_SIDE(backward, {C, N, H, W, F, side}, z, scale, scales, mask, statistic, where, gy, gz, gscale, gshift);    \
    }                                                                                                                  \
    extern "C" void twice_##NAME(SIZES, const TYPE* z, const TYPE* scale, long scales, const TYPE* mask,               \
                                 const TYPE* statistic, const std::uint8_t* where, const TYPE* gy, const TYPE* u,      \
                                 const TYPE* uscale, const TYPE* ushift, TYPE* ggy, TYPE* dz, TYPE* dscale) {          \
        typedef TYPE T;                                                                                                \
        BY_SIDE(twice, {C, N, H, W, F, side}, z, scale, scales, mask, statistic, where, gy, u, uscale, ushift, ggy,    \
                dz, dscale);                                                                                           \
    }

FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
