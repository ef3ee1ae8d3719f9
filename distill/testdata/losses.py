"""Values and gradients of distillation losses by PyTorch, in float64: writes losses.json,
which loss_golden_test.go compares with. Each loss is written from its paper's equations,
with loops and torch's own functions where that is plainest."""

import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
cases = []


def rounded(t):
    """Values that float32 has, and that are short to write."""
    return (t * 64).round() / 64


def random(*shape, scale=1.0, shift=0.0):
    return rounded(torch.randn(*shape) * scale + shift)


def plain(t):
    t = t.detach()
    return {"shape": list(t.shape), "data": [float("%.7g" % v) for v in t.reshape(-1).tolist()]}


def case(name, loss, function, pairs, temperature=0.0, labels=None, weights=None, about=""):
    """pairs are of student and teacher; function takes the pairs, and the weights by name."""
    leaves = [(s.clone().requires_grad_(), t) for s, t in pairs]
    ws = {k: w.clone().requires_grad_() for k, w in (weights or {}).items()}
    value = function(leaves, ws)
    value.backward()
    cases.append({
        "name": name, "loss": loss, "about": about, "temperature": temperature, "labels": labels,
        "pairs": [{"student": plain(s), "teacher": plain(t), "gradient": plain(s.grad)} for s, t in leaves],
        "weights": {k: {"value": plain(w), "gradient": plain(w.grad)} for k, w in ws.items()},
        "value": value.item(),
    })


def over_pairs(f):
    return lambda pairs, ws: sum(f(s, t) for s, t in pairs)


# Losses on logits.

def soft(T):
    def f(s, t):
        p, q = F.softmax(t / T, 1), F.softmax(s / T, 1)
        return T * T * (p * (p / q).log()).sum() / len(s)
    return over_pairs(f)


def zscore(z):
    return (z - z.mean(1, keepdim=True)) / (z.std(1, keepdim=True) + 1e-7)


def decoupled(T, alpha, beta, labels):
    def f(s, t):
        total = 0.0
        for n in range(len(s)):
            y = labels[n] if labels and labels[n] >= 0 else int(t[n].argmax())
            others = [k for k in range(s.shape[1]) if k != y]
            p, q = F.softmax(t[n] / T, 0), F.softmax(s[n] / T, 0)
            bt, bs = torch.stack([p[y], 1 - p[y]]), torch.stack([q[y], 1 - q[y]])
            ht, hs = p[others] / p[others].sum(), q[others] / q[others].sum()
            total = total + alpha * (bt * (bt / bs).log()).sum() + beta * (ht * (ht / hs).log()).sum()
        return T * T * total / len(s)
    return over_pairs(f)


def dist(T, beta, gamma):
    def f(s, t):
        p, q = F.softmax(s / T, 1), F.softmax(t / T, 1)
        rho = lambda a, b: torch.corrcoef(torch.stack([a, b]))[0, 1]
        inter = 1 - sum(rho(p[n], q[n]) for n in range(len(p))) / len(p)
        intra = 1 - sum(rho(p[:, k], q[:, k]) for k in range(p.shape[1])) / p.shape[1]
        return T * T * (beta * inter + gamma * intra)
    return over_pairs(f)


# Losses on values.

def same_size(s, t):
    size = (min(s.shape[2], t.shape[2]), min(s.shape[3], t.shape[3]))
    return F.adaptive_avg_pool2d(s, size), F.adaptive_avg_pool2d(t, size)


def attention(p):
    def f(s, t):
        qs, qt = same_size(s.abs().pow(p).mean(1, keepdim=True), t.abs().pow(p).mean(1, keepdim=True))
        return ((F.normalize(qs.flatten(1)) - F.normalize(qt.flatten(1))) ** 2).mean()
    return over_pairs(f)


def similarity(s, t):
    gs, gt = s.flatten(1) @ s.flatten(1).T, t.flatten(1) @ t.flatten(1).T
    return torch.norm(F.normalize(gs, dim=1) - F.normalize(gt, dim=1)) ** 2 / len(s) ** 2


def relational(distance, angle):
    def relations(x):
        n = len(x)
        x = x.flatten(1)
        d = torch.zeros(n, n)
        rows = []
        for i in range(n):
            rows.append(torch.stack([(x[i] - x[j]).norm() if i != j else x.new_zeros(()) for j in range(n)]))
        d = torch.stack(rows)
        d = d / (d.sum() / (n * (n - 1)))
        cosines = []
        for i in range(n):
            for j in range(n):
                for k in range(n):
                    cosines.append(F.cosine_similarity(x[i] - x[j], x[k] - x[j], dim=0) if i != j and j != k else x.new_zeros(()))
        return d, torch.stack(cosines)

    def f(s, t):
        (ds, cs), (dt, ct) = relations(s), relations(t)
        return distance * F.smooth_l1_loss(ds, dt) + angle * F.smooth_l1_loss(cs, ct)
    return over_pairs(f)


def correlation(gamma, order):
    def kernel(x):
        x = F.normalize(x.flatten(1))
        g = x @ x.T
        return sum(math.exp(-2 * gamma) * (2 * gamma) ** q / math.factorial(q) * g ** q for q in range(order + 1))
    return over_pairs(lambda s, t: ((kernel(s) - kernel(t)) ** 2).sum() / len(s) ** 2)


def variational(pairs, ws):
    (s, t), = pairs
    if s.dim() == 4:
        s, t = same_size(s, t)
    layers = [(ws[f"mu/weight{i}"], ws[f"mu/bias{i}"]) for i in ("", "_2", "_3")]
    for i, (w, b) in enumerate(layers):
        s = F.conv2d(s, w, b) if s.dim() == 4 else F.linear(s, w, b)
        if i < 2:
            s = F.relu(s)
    var = F.softplus(ws["alpha"]) + 1e-5
    return (0.5 * ((t - s) ** 2 / var + var.log())).mean()


def probabilistic(s, t):
    def p(x):
        x = x.flatten(1)
        k = (F.cosine_similarity(x[:, None], x[None], dim=2) + 1) / 2
        return k / k.sum(1, keepdim=True)
    ps, pt = p(s), p(t)
    return (pt * ((pt + 1e-7) / (ps + 1e-7)).log()).mean()


def selectivity(s, t):
    s, t = same_size(s, t)
    fs, ft = F.normalize(s.flatten(2), dim=2), F.normalize(t.flatten(2), dim=2)
    k = lambda a, b: (torch.einsum("nip,njp->nij", a, b) ** 2).mean()
    return k(fs, fs) + k(ft, ft) - 2 * k(fs, ft)


def contrastive(tau):
    def f(pairs, ws):
        (s, t), = pairs
        gs = F.normalize(F.linear(s.flatten(1), ws["embed_student/weight"], ws["embed_student/bias"]))
        gt = F.normalize(F.linear(t.flatten(1), ws["embed_teacher/weight"], ws["embed_teacher/bias"]))
        own = torch.arange(len(s))
        return F.cross_entropy(gs @ gt.T / tau, own) + F.cross_entropy(gt @ gs.T / tau, own)
    return f


def review(pairs, ws):
    batch_norm = lambda x, name: F.batch_norm(x, None, None, ws[name + "/scale"], ws[name + "/bias"], training=True, eps=1e-5)

    def hcl(a, b):
        loss, weight, weights = F.mse_loss(a, b), 1.0, 1.0
        for size in (4, 2, 1):
            if size < min(a.shape[2:]):
                weight /= 2
                weights += weight
                loss = loss + weight * F.mse_loss(F.adaptive_avg_pool2d(a, size), F.adaptive_avg_pool2d(b, size))
        return loss / weights

    total, deeper = 0.0, None
    for i in range(len(pairs), 0, -1):
        s, t = pairs[i - 1]
        x = batch_norm(F.conv2d(s, ws[f"level{i}/in/weight"]), f"level{i}/in_bn")
        if deeper is not None:
            deeper = F.interpolate(deeper, x.shape[2:], mode="nearest")
            a = torch.sigmoid(F.conv2d(torch.cat([x, deeper], 1), ws[f"level{i}/attention/weight"], ws[f"level{i}/attention/bias"]))
            x = x * a[:, :1] + deeper * a[:, 1:]
        deeper = x
        out = F.interpolate(x, t.shape[2:], mode="nearest")
        out = batch_norm(F.conv2d(out, ws[f"level{i}/out/weight"], padding=1), f"level{i}/out_bn")
        total = total + hcl(out, t)
    return total


def match(pairs, ws):
    return sum(((s - t) ** 2).sum() / (t ** 2).sum() for s, t in pairs) / len(pairs)


def hint(pairs, ws):
    (s, t), = pairs
    r = F.conv2d(s, ws["regressor/weight"], ws["regressor/bias"])
    return 0.5 * ((r - t) ** 2).mean()


logits = [(random(6, 5, scale=2), random(6, 5, scale=3))]
labels, some = [0, 3, 2, 1, 4, 2], [0, -1, 2, -1, 4, -1]
case("kd", "kd", soft(4.0), logits, 4.0)
case("kd at T = 1", "kd", soft(1.0), logits, 1.0)
case("kd, standardized", "kd", lambda ps, ws: soft(2.0)([(zscore(s), zscore(t)) for s, t in ps], ws), logits, 2.0, about="standardize")
case("logits", "logits", over_pairs(F.mse_loss), logits, 1.0)
case("dkd", "dkd", decoupled(4.0, 1.0, 8.0, labels), logits, 4.0, labels)
case("dkd with parameters", "dkd:alpha=2,beta=0.5", decoupled(1.5, 2.0, 0.5, labels), logits, 1.5, labels)
case("dkd, some labels", "dkd", decoupled(4.0, 1.0, 8.0, some), logits, 4.0, some)
case("dkd without labels", "dkd", decoupled(4.0, 1.0, 8.0, None), logits, 4.0)
case("dist", "dist", dist(4.0, 2.0, 2.0), logits, 4.0)
case("dist with parameters", "dist:beta=1,gamma=3", dist(1.0, 1.0, 3.0), logits, 1.0)

vectors = [(random(5, 4, shift=0.3), random(5, 6))]
maps = [(random(4, 3, 3, 3), random(4, 4, 6, 6))]
uneven = [(random(3, 2, 7, 5), random(3, 3, 4, 6))]
two = [(random(3, 2, 6, 6), random(3, 3, 6, 6)), (random(3, 3, 3, 3), random(3, 4, 3, 3))]

for name, pairs in ("maps", maps), ("uneven maps", uneven), ("two pairs", two):
    case("at of " + name, "at", attention(2), pairs)
    case("nst of " + name, "nst", over_pairs(selectivity), pairs)
case("at, p = 3", "at:p=3", attention(3), maps)
for name, pairs in ("vectors", vectors), ("maps", maps), ("two pairs", two):
    case("sp of " + name, "sp", over_pairs(similarity), pairs)
    case("rkd of " + name, "rkd", relational(25, 50), pairs)
    case("cc of " + name, "cc", correlation(0.4, 2), pairs)
    case("pkt of " + name, "pkt", over_pairs(probabilistic), pairs)
case("rkd with parameters", "rkd:distance=3,angle=0", relational(3, 0), vectors)
case("cc with parameters", "cc:gamma=0.7,order=4", correlation(0.7, 4), vectors)


def mu(s, t, spatial):
    return {f"mu/{kind}{i}": random(*shape, scale=0.5) for i, c in (("", s), ("_2", t), ("_3", t))
            for kind, shape in (("weight", (t, c) + spatial), ("bias", (t,)))}


case("vid of vectors", "vid", variational, vectors, weights={**mu(4, 6, ()), "alpha": random(6)})
case("vid of maps", "vid", variational, maps, weights={**mu(3, 4, (1, 1)), "alpha": random(4, 1, 1)})
case("crd of vectors", "crd:dim=3,tau=0.2", contrastive(0.2), vectors, weights={
    "embed_student/weight": random(3, 4), "embed_student/bias": random(3), "embed_teacher/weight": random(3, 6), "embed_teacher/bias": random(3)})
case("hint of maps", "hint", hint, [(random(3, 2, 5, 5), random(3, 3, 3, 3))], weights={
    "regressor/weight": random(3, 2, 3, 3), "regressor/bias": random(3)})


def review_weights(pairs, mid):
    ws = {}
    for i, (s, t) in enumerate(pairs, 1):
        ws[f"level{i}/in/weight"] = random(mid, s.shape[1], 1, 1)
        ws[f"level{i}/out/weight"] = random(t.shape[1], mid, 3, 3)
        for name, channels in ("in_bn", mid), ("out_bn", t.shape[1]):
            ws[f"level{i}/{name}/scale"], ws[f"level{i}/{name}/bias"] = random(channels, shift=1), random(channels)
        if i < len(pairs):
            ws[f"level{i}/attention/weight"], ws[f"level{i}/attention/bias"] = random(2, 2 * mid, 1, 1), random(2)
    return ws


case("review of one pair", "review:mid=4", review, maps, weights=review_weights(maps, 4))
case("review of two pairs", "review:mid=4", review, two, weights=review_weights(two, 4))

alike = [(random(4, 3, 2, 2), random(4, 3, 2, 2)), (random(4, 5), random(4, 5, shift=2))]
case("match of one pair", "match", match, alike[:1])
case("match of two pairs", "match", match, alike)

with open("losses.json", "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases")
