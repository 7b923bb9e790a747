// The first block of a network for images: 3 x 3 convolution of few channels, batch norm, ReLU, 2 x 2 max-pooling, with
// its first and second derivatives in the weights; images have none.
//
// The convolution's result, by far the largest array of such a network, is never stored. Its statistics follow from
// those of the images: with p a pixel's patch of K = 9 I numbers, m their mean and S their covariance over all pixels
// of real rows, filter w has mean w m and variance w S w. So norm and convolution together are one affine map
// v p + b with v = scale r w, r = (w S w + epsilon)^-1/2 and b = shift - v m, done again wherever it is needed.
//
// Images come in as (C, N, I, H, W); results are laid out as images.h says.

#include "images.h"

#include <cmath>

using namespace metafed;

namespace {

struct Shape {
    long C, N, I, H, W, padding, F;
    long K() const { return 9 * I; }
    long channels() const { return whole(F); }
    long height() const { return H + 2 * padding; }  // with the zeros around
    long width() const { return W + 2 * padding; }
    long down() const { return (height() - 2) / 2; }
    long across() const { return (width() - 2) / 2; }
    long image() const { return I * H * W; }
    long pooled() const { return down() * across() * channels(); }
};

// An image with zeros around it and, for vectors that reach too far, behind it.
template <typename T, typename From>
const T* framed(const Shape& s, const From* image) {
    const long size = s.I * s.height() * s.width(), behind = 2 + lanes<T>();
    T* to = scratch<T, 0>(size + behind);
    std::fill(to, to + size + behind, T(0));
    for (long i = 0; i < s.I; i++)
        for (long h = 0; h < s.H; h++)
            std::copy(image + (i * s.H + h) * s.W, image + (i * s.H + h + 1) * s.W,
                      to + (i * s.height() + h + s.padding) * s.width() + s.padding);
    return to;
}

// Where number k of a patch lies, seen from its first.
long offset(const Shape& s, long k) { return (k / 9 * s.height() + k % 9 / 3) * s.width() + k % 3; }

// A client's m (K) and S (K, K) over its real rows, in float64: what is left of a large mean is all that counts.
template <typename T>
void moments(const Shape& s, const T* x, const T* mask, double* m, double* S) {
    typedef Lanes<double> L;
    typedef typename L::vec vec;
    const long K = s.K(), rows = s.height() - 2, width = lanes<double>();
    // the first numbers of all patches; where a row ends there are some that belong to none
    const long size = (rows * s.width() + width - 1) / width * width;
    double* first = scratch<double, 2>(size);
    for (long i = 0; i < size; i++) first[i] = i < rows * s.width() && i % s.width() < s.width() - 2;
    double* left = scratch<double, 3>(size);
    std::fill(m, m + K, 0.0);
    std::fill(S, S + K * K, 0.0);
    double M = 0;
    for (long n = 0; n < s.N; n++) {
        if (mask && mask[n] == T(0)) continue;
        M += rows * (s.width() - 2);
        const double* image = framed<double>(s, x + n * s.image());
        for (long a = 0; a < K; a++) {
            vec all = {};
            for (long i = 0; i < size; i += width) {
                const vec own = L::load(image + offset(s, a) + i) * L::load(first + i);
                all += own;
                L::store(left + i, own);
            }
            for (long i = 0; i < width; i++) m[a] += all[i];
            for (long channel = 0; channel <= a / 9; channel++) {
                vec sums[9] = {};
                const double* right = image + channel * s.height() * s.width();
                for (long i = 0; i < size; i += width) {
                    const vec own = L::load(left + i);
                    for (int tap = 0; tap < 9; tap++)
                        sums[tap] += own * L::load(right + tap / 3 * s.width() + tap % 3 + i);
                }
                for (int tap = 0; tap < 9; tap++)
                    for (long i = 0; i < width; i++) S[a * K + 9 * channel + tap] += sums[tap][i];
            }
        }
    }
    for (long a = 0; a < K; a++) m[a] /= M;
    for (long a = 0; a < K; a++)
        for (long b = 0; b <= a; b++) S[a * K + b] = S[b * K + a] = S[a * K + b] / M - m[a] * m[b];
}

// What a filter w is with its norm; without moments there is none.
struct Filter {
    std::vector<double> Sw;
    double mean = 0, r = 1;
    template <typename T>
    Filter(long K, const T* w, const double* m, const double* S, double epsilon) : Sw(K, 0.0) {
        if (!S) return;
        double variance = 0;
        for (long a = 0; a < K; a++) {
            for (long b = 0; b < K; b++) Sw[a] += S[a * K + b] * w[b];
            mean += m[a] * w[a];
            variance += Sw[a] * w[a];
        }
        r = 1 / std::sqrt(variance + epsilon);
    }
};

// The affine map of every pixel of a window, in the order of the window: f(pixel, G vectors) for G vectors of channels
// from `first`. The map is v (K + 1, channels), with b in its last row.
template <typename T, int G>
inline void map_window(const Shape& s, const T* patch, const T* v, typename Lanes<T>::vec (&sums)[4][G]) {
    typedef Lanes<T> L;
    const long P = s.channels(), K = s.K();
    for (int k = 0; k < 4; k++)
        for (int g = 0; g < G; g++) sums[k][g] = L::load(v + K * P + g * lanes<T>());
    for (long i = 0; i < s.I; i++)
        for (int tap = 0; tap < 9; tap++) {
            const T* at = patch + (i * s.height() + tap / 3) * s.width() + tap % 3;
            const T* weights = v + (9 * i + tap) * P;
            typename L::vec w[G];
            for (int g = 0; g < G; g++) w[g] = L::load(weights + g * lanes<T>());
            for (int k = 0; k < 4; k++) {
                const T pixel = at[k / 2 * s.width() + k % 2];
                for (int g = 0; g < G; g++) sums[k][g] += pixel * w[g];
            }
        }
}

// Call f(vectors, first, patch, to) for every image, window and block of channels.
template <typename T, typename F>
void windows(const Shape& s, const T* x, F f) {
    for (long n = 0; n < s.N; n++) {
        const T* image = framed<T>(s, x + n * s.image());
        blocks<T>(s.channels(), [&](auto vectors, long first) {
            long to = n * s.pooled() + first;
            for (long i = 0; i < s.down(); i++)
                for (long j = 0; j < s.across(); j++, to += s.channels())
                    f(vectors, first, image + 2 * i * s.width() + 2 * j, to);
        });
    }
}

// y and where, from the map of one client.
template <typename T>
void choose(const Shape& s, const T* x, const T* v, bool relu, T* y, std::uint8_t* where) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    typedef typename L::ints ints;
    windows<T>(s, x, [&](auto vectors, long first, const T* patch, long to) {
        constexpr int G = decltype(vectors)::value;
        vec sums[4][G];
        map_window<T, G>(s, patch, v + first, sums);
        for (int g = 0; g < G; g++) {
            vec best = sums[0][g];
            ints chosen = {};
            for (int k = 1; k < 4; k++) {
                const ints more = sums[k][g] > best;
                best = more ? sums[k][g] : best;
                chosen = more ? ints{} + k : chosen;
            }
            if (relu) {
                const ints cut = best <= T(0);
                best = cut ? vec{} : best;
                chosen = cut ? ints{} + CUT : chosen;
            }
            L::store(y + to + g * lanes<T>(), best);
            L::store_where(where + to + g * lanes<T>(), chosen);
        }
    });
}

// The map's value at the pixels that `where` says, 0 where they are cut off.
template <typename T>
void pick(const Shape& s, const T* x, const T* v, const std::uint8_t* where, T* y) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    windows<T>(s, x, [&](auto vectors, long first, const T* patch, long to) {
        constexpr int G = decltype(vectors)::value;
        vec sums[4][G];
        map_window<T, G>(s, patch, v + first, sums);
        for (int g = 0; g < G; g++) {
            const auto chosen = L::load_where(where + to + g * lanes<T>());
            vec value = {};
            for (int k = 0; k < 4; k++) value = chosen == k ? sums[k][g] : value;
            L::store(y + to + g * lanes<T>(), value);
        }
    });
}

// The adjoint of `pick`: sums (K + 1, channels) of gy's products with the patches and 1, in float64.
template <typename T>
void gather(const Shape& s, const T* x, const T* gy, const std::uint8_t* where, double* sums) {
    typedef Lanes<T> L;
    typedef typename L::vec vec;
    const long P = s.channels(), K = s.K();
    std::fill(sums, sums + (K + 1) * P, 0.0);
    auto add = [&](long row, long first, vec value) {
        for (long i = 0; i < lanes<T>(); i++) sums[row * P + first + i] += value[i];
    };
    for (long n = 0; n < s.N; n++) {
        const T* image = framed<T>(s, x + n * s.image());
        for (long first = 0; first < P; first += lanes<T>())
            for (long i = 0; i < s.I; i++) {
                vec taps[9] = {}, all = {};
                long at = n * s.pooled() + first;
                for (long row = 0; row < s.down(); row++)
                    for (long column = 0; column < s.across(); column++, at += P) {
                        const T* patch = image + (i * s.height() + 2 * row) * s.width() + 2 * column;
                        const auto chosen = L::load_where(where + at);
                        const vec h = L::load(gy + at);
                        __builtin_prefetch(gy + at + 16 * P);
                        for (int k = 0; k < 4; k++) {
                            const vec here = chosen == k ? h : vec{};
                            const T* pixel = patch + k / 2 * s.width() + k % 2;
                            for (int tap = 0; tap < 9; tap++) taps[tap] += here * pixel[tap / 3 * s.width() + tap % 3];
                            all += here;
                        }
                    }
                for (int tap = 0; tap < 9; tap++) add(9 * i + tap, first, taps[tap]);
                if (i == 0) add(K, first, all);
            }
    }
}

template <typename T>
void forward(Shape s, const T* x, const T* w, long ws, const T* scale, long scales, const T* shift, long shifts,
             const double* m, const double* S, double epsilon, int relu, T* y, std::uint8_t* where) {
    const long K = s.K(), P = s.channels();
    T* v = scratch<T, 1>((K + 1) * P);
    for (long c = 0; c < s.C; c++) {
        std::fill(v, v + (K + 1) * P, T(0));
        for (long f = 0; f < s.F; f++) {
            const T* own = w + c * ws + f * K;
            const Filter filter(K, own, m + c * K, S ? S + c * K * K : nullptr, epsilon);
            const double gain = S ? scale[c * scales + f] * filter.r : 1.0;
            for (long k = 0; k < K; k++) v[k * P + f] = T(gain * own[k]);
            v[K * P + f] = T(shift[c * shifts + f] - gain * filter.mean);
        }
        choose(s, x + c * s.N * s.image(), v, relu, y + c * s.N * s.pooled(), where + c * s.N * s.pooled());
    }
}

// From gy, with q the gradient of v where b is seen as a function of it: gw = scale r (q - r^2 (q w) S w),
// gscale = r q w, gshift = sum of gy. The sums that q and gshift are made of are left in `sums` (C, K + 1, channels).
template <typename T>
void backward(Shape s, const T* x, const T* w, long ws, const T* scale, long scales, const double* m, const double* S,
              double epsilon, const std::uint8_t* where, const T* gy, double* sums, T* gw, T* gscale, T* gshift) {
    const long K = s.K(), P = s.channels();
    for (long c = 0; c < s.C; c++) {
        double* own_sums = sums + c * (K + 1) * P;
        gather(s, x + c * s.N * s.image(), gy + c * s.N * s.pooled(), where + c * s.N * s.pooled(), own_sums);
        for (long f = 0; f < s.F; f++) {
            const T* own = w + c * ws + f * K;
            const Filter filter(K, own, m + c * K, S ? S + c * K * K : nullptr, epsilon);
            const double all = own_sums[K * P + f], gain = S ? scale[c * scales + f] * filter.r : 1.0;
            auto q = [&](long k) { return own_sums[k * P + f] - (S ? all * m[c * K + k] : 0.0); };
            double qw = 0;
            for (long k = 0; k < K; k++) qw += q(k) * own[k];
            for (long k = 0; k < K; k++)
                gw[(c * s.F + f) * K + k] = T(gain * (q(k) - filter.r * filter.r * qw * filter.Sw[k]));
            if (gscale) gscale[c * s.F + f] = T(filter.r * qw);
            gshift[c * s.F + f] = T(all);
        }
    }
}

// The derivatives of backward, of the sum of uw gw + uscale gscale + ushift gshift: ggy in gy, dw in w, dscale in
// scale.
template <typename T>
void twice(Shape s, const T* x, const T* w, long ws, const T* scale, long scales, const double* m, const double* S,
           double epsilon, const std::uint8_t* where, const double* sums, const T* uw, const T* uscale,
           const T* ushift, T* ggy, T* dw, T* dscale) {
    const long K = s.K(), P = s.channels();
    T* v = scratch<T, 1>((K + 1) * P);
    std::vector<double> Su(K);
    for (long c = 0; c < s.C; c++) {
        std::fill(v, v + (K + 1) * P, T(0));
        for (long f = 0; f < s.F; f++) {
            const long at = c * s.F + f;
            const T *own = w + c * ws + f * K, *u = uw + at * K;
            const double *mc = m + c * K, *Sc = S ? S + c * K * K : nullptr, *own_sums = sums + c * (K + 1) * P;
            const Filter filter(K, own, mc, Sc, epsilon);
            const double r = filter.r, factor = S ? scale[c * scales + f] : 1.0, us = S ? uscale[at] : 0.0;
            const double all = own_sums[K * P + f];
            auto q = [&](long k) { return own_sums[k * P + f] - (S ? all * mc[k] : 0.0); };
            double qw = 0, qu = 0, uSw = 0, shifted = ushift[at];
            for (long k = 0; k < K; k++) {
                qw += q(k) * own[k];
                qu += q(k) * u[k];
                uSw += u[k] * filter.Sw[k];
                Su[k] = 0;
                for (long j = 0; j < K && S; j++) Su[k] += Sc[k * K + j] * u[j];
            }
            // the sum's derivative in q, and so in the sums that q is made of
            for (long k = 0; k < K; k++) {
                const double slope = factor * r * (u[k] - r * r * uSw * own[k]) + us * r * own[k];
                v[k * P + f] = T(slope);
                if (S) shifted -= mc[k] * slope;
            }
            v[K * P + f] = T(shifted);
            if (!S) continue;
            const double in_r = factor * (qu - 3 * r * r * qw * uSw) + us * qw, cube = r * r * r;
            for (long k = 0; k < K; k++)
                dw[at * K + k] = T(us * r * q(k) - cube * (factor * (uSw * q(k) + qw * Su[k]) + in_r * filter.Sw[k]));
            dscale[at] = T(r * (qu - r * r * qw * uSw));
        }
        pick(s, x + c * s.N * s.image(), v, where + c * s.N * s.pooled(), ggy + c * s.N * s.pooled());
    }
}

}  // namespace

#define SIZES long C, long N, long I, long H, long W, long padding, long F
#define SHAPE {C, N, I, H, W, padding, F}
#define FOR_TYPE(T, NAME)                                                                                              \
    extern "C" void moments_##NAME(SIZES, const T* x, const T* mask, double* m, double* S) {                           \
        const Shape s = SHAPE;                                                                                         \
        for (long c = 0; c < C; c++)                                                                                   \
            moments(s, x + c * N * s.image(), mask ? mask + c * N : nullptr, m + c * s.K(), S + c * s.K() * s.K());    \
    }                                                                                                                  \
    extern "C" void forward_##NAME(SIZES, const T* x, const T* w, long ws, const T* scale, long scales,                \
                                   const T* shift, long shifts, const double* m, const double* S, double epsilon,      \
                                   int relu, T* y, std::uint8_t* where) {                                              \
        forward<T>(SHAPE, x, w, ws, scale, scales, shift, shifts, m, S, epsilon, relu, y, where);                      \
    }                                                                                                                  \
    extern "C" void backward_##NAME(SIZES, const T* x, const T* w, long ws, const T* scale, long scales,               \
                                    const double* m, const double* S, double epsilon, const std::uint8_t* where,       \
                                    const T* gy, double* sums, T* gw, T* gscale, T* gshift) {                          \
        backward<T>(SHAPE, x, w, ws, scale, scales, m, S, epsilon, where, gy, sums, gw, gscale, gshift);               \
    }                                                                                                                  \
    extern "C" void twice_##NAME(SIZES, const T* x, const T* w, long ws, const T* scale, long scales,                  \
                                 const double* m, const double* S, double epsilon, const std::uint8_t* where,          \
                                 const double* sums, const T* uw, const T* uscale, const T* ushift, T* ggy, T* dw,     \
                                 T* dscale) {                                                                          \
        twice<T>(SHAPE, x, w, ws, scale, scales, m, S, epsilon, where, sums, uw, uscale, ushift, ggy, dw, dscale);     \
    }

FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
