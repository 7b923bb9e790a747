// MAML on a multilayer perceptron, whole episodes at once: K inner steps, the query loss, and the exact meta-gradient
// by a hand-written adjoint. One client after the other, so that everything about it stays in the inner caches.
//
// With lambda = dL/dphi_{i+1}, step i gives dL/dphi_i = lambda - alpha H(phi_i) lambda. The product with the Hessian is
// the directional derivative of the gradient (Pearlmutter, "Fast exact multiplication by the Hessian", Neural
// Computation 6, 1994): the tangents of what the forward and the backward pass compute, called *_dot here.

#include <cmath>

#include "products.h"

using namespace metafed;

namespace {

enum Loss { CROSS_ENTROPY, SQUARED_ERROR };

struct Net {
    long layers;
    const long* width;   // layers + 1 of them: features, hidden widths, outputs
    const long* weight;  // where each layer's weights and biases lie in a parameter vector
    const long* bias;
    long parameters;
    bool tanh;
    int loss;
};

// The rows of one client; labels for cross-entropy, targets (rows, outputs) for squared error.
template <typename T>
struct Batch {
    long rows;
    const T* x;
    const long* labels;
    const T* targets;
    const T* mask;
};

// What one pass over a batch leaves: activations h[l] = f(z[l]) behind every layer, the slopes d[l] = dL/dz[l].
template <typename T>
struct Pass {
    std::vector<std::vector<T>> h, d;
    std::vector<T> chance, share;  // of each class; of each row in the mean

    void size(const Net& net, long rows) {
        h.resize(net.layers);
        d.resize(net.layers);
        for (long l = 0; l < net.layers; l++) {
            h[l].resize(rows * net.width[l + 1]);
            d[l].resize(rows * net.width[l + 1]);
        }
        chance.resize(rows * net.width[net.layers]);
        share.resize(rows);
    }
};

template <typename T>
struct Scratch {
    std::vector<T> wide, turned, a, b;
};

template <typename T>
void forward(const Net& net, const T* phi, const Batch<T>& batch, Pass<T>& pass, Scratch<T>& scratch) {
    const T* below = batch.x;
    for (long l = 0; l < net.layers; l++) {
        const long I = net.width[l], O = net.width[l + 1];
        const bool last = l + 1 == net.layers;
        Wide<T> weight(phi + net.weight[l], I, O, scratch.wide);
        product<T>(batch.rows, O, I, below, I, 1, weight.data, weight.stride, pass.h[l].data(), BIAS,
                   phi + net.bias[l], !last && !net.tanh);
        if (!last && net.tanh)
            for (T& value : pass.h[l]) value = std::tanh(value);
        below = pass.h[l].data();
    }
}

// The client's mean loss, with its slopes in d of the last layer.
template <typename T>
T evaluate(const Net& net, const Batch<T>& batch, Pass<T>& pass) {
    const long O = net.width[net.layers];
    T total = 0, loss = 0;
    for (long n = 0; n < batch.rows; n++) total += batch.mask[n];
    for (long n = 0; n < batch.rows; n++) {
        const T* z = pass.h.back().data() + n * O;
        T* d = pass.d.back().data() + n * O;
        const T share = batch.mask[n] / total;
        pass.share[n] = share;
        if (net.loss == CROSS_ENTROPY) {
            T* chance = pass.chance.data() + n * O;
            T most = z[0], sum = 0;
            for (long o = 1; o < O; o++) most = z[o] > most ? z[o] : most;
            for (long o = 0; o < O; o++) sum += chance[o] = std::exp(z[o] - most);
            const long label = batch.labels[n];
            for (long o = 0; o < O; o++) {
                chance[o] /= sum;
                d[o] = share * (chance[o] - (o == label ? T(1) : T(0)));
            }
            if (share != T(0)) loss += share * (std::log(sum) + most - z[label]);
        } else {
            T sum = 0;
            for (long o = 0; o < O; o++) {
                const T away = z[o] - batch.targets[n * O + o];
                sum += away * away;
                d[o] = share * 2 * away / O;
            }
            if (share != T(0)) loss += share * sum / O;
        }
        if (share == T(0)) std::fill(d, d + O, T(0));  // padding has no say, whatever it holds
    }
    return loss;
}

template <typename T>
void columns_sum(long rows, long columns, const T* from, T* to) {
    std::fill(to, to + columns, T(0));
    for (long n = 0; n < rows; n++)
        for (long o = 0; o < columns; o++) to[o] += from[n * columns + o];
}

// The gradient (parameters), and the slopes of all layers.
template <typename T>
void backward(const Net& net, const T* phi, const Batch<T>& batch, Pass<T>& pass, T* gradient, Scratch<T>& scratch) {
    for (long l = net.layers - 1; l >= 0; l--) {
        const long I = net.width[l], O = net.width[l + 1], N = batch.rows;
        const T* below = l ? pass.h[l - 1].data() : batch.x;
        const T* d = pass.d[l].data();
        Wide<T> slope(d, N, O, scratch.wide);
        product<T>(I, O, N, below, 1, I, slope.data, slope.stride, gradient + net.weight[l], ZERO);
        columns_sum(N, O, d, gradient + net.bias[l]);
        if (!l) break;
        T* under = pass.d[l - 1].data();
        const T* weight = transposed(phi + net.weight[l], I, O, scratch.turned);
        product<T>(N, I, O, d, O, 1, weight, padded<T>(I), under, ZERO);
        for (long i = 0; i < N * I; i++) under[i] = net.tanh ? under[i] * (1 - below[i] * below[i])
                                                   : below[i] > T(0) ? under[i] : T(0);
    }
}

// out = H(phi) v, where pass holds what forward, evaluate and backward left at phi.
template <typename T>
void hessian(const Net& net, const T* phi, const T* v, const Batch<T>& batch, const Pass<T>& pass, Pass<T>& dot,
             T* out, Scratch<T>& scratch) {
    const long N = batch.rows, outputs = net.width[net.layers];
    const T* below = batch.x;
    const T* below_dot = nullptr;  // x does not move
    for (long l = 0; l < net.layers; l++) {
        const long I = net.width[l], O = net.width[l + 1];
        T* to = dot.h[l].data();
        Wide<T> change(v + net.weight[l], I, O, scratch.wide);
        product<T>(N, O, I, below, I, 1, change.data, change.stride, to, BIAS, v + net.bias[l]);
        if (below_dot) {
            Wide<T> weight(phi + net.weight[l], I, O, scratch.wide);
            product<T>(N, O, I, below_dot, I, 1, weight.data, weight.stride, to, ADD);
        }
        below = pass.h[l].data();
        below_dot = to;
        if (l + 1 == net.layers) break;
        for (long i = 0; i < N * O; i++) to[i] = net.tanh ? to[i] * (1 - below[i] * below[i])
                                                : below[i] > T(0) ? to[i] : T(0);
    }
    for (long n = 0; n < N; n++) {
        const T* z_dot = dot.h.back().data() + n * outputs;
        const T* chance = pass.chance.data() + n * outputs;
        T* d_dot = dot.d.back().data() + n * outputs;
        T mean = 0;
        if (net.loss == CROSS_ENTROPY)
            for (long o = 0; o < outputs; o++) mean += chance[o] * z_dot[o];
        for (long o = 0; o < outputs; o++)
            d_dot[o] = pass.share[n] == T(0) ? T(0)
                       : pass.share[n] * (net.loss == CROSS_ENTROPY ? chance[o] * (z_dot[o] - mean) : 2 * z_dot[o] / outputs);
    }
    for (long l = net.layers - 1; l >= 0; l--) {
        const long I = net.width[l], O = net.width[l + 1];
        const T* under = l ? pass.h[l - 1].data() : batch.x;
        const T* d = pass.d[l].data();
        const T* d_dot = dot.d[l].data();
        T* own = out + net.weight[l];
        {
            Wide<T> slope(d_dot, N, O, scratch.wide);
            product<T>(I, O, N, under, 1, I, slope.data, slope.stride, own, ZERO);
        }
        columns_sum(N, O, d_dot, out + net.bias[l]);
        if (!l) break;
        {
            Wide<T> slope(d, N, O, scratch.wide);
            product<T>(I, O, N, dot.h[l - 1].data(), 1, I, slope.data, slope.stride, own, ADD);
        }
        T* to = dot.d[l - 1].data();
        const T* weight = transposed(phi + net.weight[l], I, O, scratch.turned);
        product<T>(N, I, O, d_dot, O, 1, weight, padded<T>(I), to, ZERO);
        const T* change = transposed(v + net.weight[l], I, O, scratch.turned);
        product<T>(N, I, O, d, O, 1, change, padded<T>(I), to, ADD);
        const T* moved = dot.h[l - 1].data();  // f' z_dot
        const T* slope = pass.d[l - 1].data();
        for (long i = 0; i < N * I; i++)
            if (net.tanh) {
                // d = e f', f'' = -2 h f': the second term is e f'' z_dot = -2 h d z_dot, and f' z_dot is moved
                const T steep = 1 - under[i] * under[i];
                to[i] = to[i] * steep - (steep > T(0) ? 2 * under[i] * slope[i] * moved[i] / steep : T(0));
            } else
                to[i] = under[i] > T(0) ? to[i] : T(0);
    }
}

// Rows up to the last that is real; the padding behind them changes nothing.
template <typename T>
long real_rows(const T* mask, long rows) {
    while (rows > 1 && mask[rows - 1] == T(0)) rows--;
    return rows;
}

template <typename T>
Batch<T> batch_of(const Net& net, long client, long rows, const T* x, const long* labels, const T* targets,
                  const T* mask) {
    const long outputs = net.width[net.layers];
    return {real_rows(mask + client * rows, rows), x + client * rows * net.width[0],
            labels ? labels + client * rows : nullptr, targets ? targets + client * rows * outputs : nullptr,
            mask + client * rows};
}

template <typename T>
void episodes(long C, const Net& net, int second_order, long K, const T* rates, const T* theta, long S, const T* xs, const long* ls, const T* ts, const T* ms, long Q, const T* xq,
              const long* lq, const T* tq, const T* mq, T* directions, T* losses, T* outputs) {
    const long P = net.parameters, O = net.width[net.layers];
    Scratch<T> scratch;
    std::vector<T> phi((K + 1) * P), gradient(P);
    std::vector<Pass<T>> steps(second_order ? K : 1);
    Pass<T> query, dot;
    for (Pass<T>& pass : steps) pass.size(net, S);
    dot.size(net, S);
    query.size(net, Q);
    for (long c = 0; c < C; c++) {
        const Batch<T> support = batch_of(net, c, S, xs, ls, ts, ms);
        Batch<T> evaluated = batch_of(net, c, Q, xq, lq, tq, mq);
        std::copy(theta, theta + P, phi.data());
        for (long i = 0; i < K; i++) {
            Pass<T>& pass = steps[second_order ? i : 0];
            const T* from = &phi[i * P];
            forward(net, from, support, pass, scratch);
            evaluate(net, support, pass);
            backward(net, from, support, pass, gradient.data(), scratch);
            for (long p = 0; p < P; p++) phi[(i + 1) * P + p] = from[p] - rates[i] * gradient[p];
        }
        T* direction = directions + c * P;
        forward(net, &phi[K * P], evaluated, query, scratch);
        losses[c] = evaluate(net, evaluated, query);
        std::fill(outputs + c * Q * O, outputs + (c + 1) * Q * O, T(0));
        std::copy(query.h.back().data(), query.h.back().data() + evaluated.rows * O, outputs + c * Q * O);
        backward(net, &phi[K * P], evaluated, query, direction, scratch);
        for (long i = second_order ? K - 1 : -1; i >= 0; i--) {
            hessian(net, &phi[i * P], direction, support, steps[i], dot, gradient.data(), scratch);
            for (long p = 0; p < P; p++) direction[p] -= rates[i] * gradient[p];
        }
    }
}

}  // namespace

#define FOR_TYPE(T, NAME)                                                                                              \
    extern "C" void episodes_##NAME(long C, long layers, const long* width, const long* weight, const long* bias,     \
                                    long parameters, int tanh, int loss, int second_order, long K, const T* rates,    \
                                    const T* theta, long S, const T* xs, const long* ls, const T* ts, const T* ms,    \
                                    long Q, const T* xq, const long* lq, const T* tq, const T* mq, T* directions,     \
                                    T* losses, T* outputs) {                                                          \
        const Net net{layers, width, weight, bias, parameters, tanh != 0, loss};                                      \
        episodes<T>(C, net, second_order, K, rates, theta, S, xs, ls, ts, ms, Q, xq, lq, tq, mq, directions, losses,  \
                    outputs);                                                                                         \
    }

FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
