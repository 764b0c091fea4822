"""Where linearmodels, statsmodels and dowhy have the same thing, they say the same thing."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, Instrument, Mediate
from butfor.scm.estimate.calibrate_worlds import CONFOUNDED, Instrumented, dose, mediated

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def iv() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("linearmodels.iv")


@pytest.fixture
def sm() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("statsmodels.api")


def moved(n: int = 400, seed: int = 0) -> Columns:
    return Columns.read(Instrumented(0.3, 3, uneven=True)(np.random.default_rng(seed), n)[0])


def half(effect: object) -> float:
    return effect.high - effect.estimate  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("how", ["2sls", "liml"])
@pytest.mark.parametrize("robust", [False, True])
def test_two_stages_and_liml(iv: ModuleType, how: str, robust: bool) -> None:
    data = moved()
    w = np.c_[np.ones(data.n), data["W"]]
    z = np.c_[data["Z0"], data["Z1"], data["Z2"]]
    model = {"2sls": iv.IV2SLS, "liml": iv.IVLIML}[how](data["Y"], w, data["X"][:, None], z)
    theirs = model.fit(cov_type="robust" if robust else "unadjusted", debiased=True)
    ours = Instrument("X", "Y", ("Z0", "Z1", "Z2"), ("W",), how=how, robust=robust).fit(data)
    assert ours.effect.estimate == pytest.approx(float(theirs.params.iloc[-1]), rel=1e-7)
    assert half(ours.effect) == pytest.approx(1.966 * float(theirs.std_errors.iloc[-1]), rel=0.005)
    assert ours.sargan.statistic == pytest.approx(float(theirs.sargan.stat), rel=1e-7)
    assert ours.sargan.p == pytest.approx(float(theirs.sargan.pval), rel=1e-6)
    if how == "liml":
        assert ours.kappa == pytest.approx(float(model.fit().kappa), rel=1e-9)


def test_first_stage_and_hansen(iv: ModuleType) -> None:
    data = moved()
    w = np.c_[np.ones(data.n), data["W"]]
    z = np.c_[data["Z0"], data["Z1"], data["Z2"]]
    plain = iv.IV2SLS(data["Y"], w, data["X"][:, None], z).fit(cov_type="unadjusted", debiased=True)
    ours = Instrument("X", "Y", ("Z0", "Z1", "Z2"), ("W",), robust=False).fit(data)
    assert ours.first_stage_f == pytest.approx(float(plain.first_stage.diagnostics["f.stat"].iloc[0]), rel=1e-6)
    gmm = iv.IVGMM(data["Y"], w, data["X"][:, None], z).fit()
    assert ours.hansen.statistic == pytest.approx(float(gmm.j_stat.stat), rel=0.01)


def test_slopes_and_hc3(sm: ModuleType) -> None:
    data = Columns.read(dose(np.random.default_rng(0), 300)[0])
    theirs = sm.OLS(data["Y"], np.c_[np.ones(300), data["X"], data["Z0"], data["Z1"]]).fit(cov_type="HC3")
    ours = Adjust("X", "Y", ("Z0", "Z1"), how="regression")(data)
    assert ours.estimate == pytest.approx(float(theirs.params[1]), rel=1e-9)
    assert half(ours) == pytest.approx(1.968 * float(theirs.bse[1]), rel=0.005)


@pytest.mark.parametrize("name", ["linear", "effects differ"])
def test_treatment_effects_of_statsmodels(sm: ModuleType, name: str) -> None:
    """Its IPW, regression adjustment and AIPW are GMM estimates with the same first-order variance."""
    effects = pytest.importorskip("statsmodels.treatment.treatment_effects")
    data = Columns.read(CONFOUNDED[name](np.random.default_rng(0), 1500)[0])
    z = np.c_[np.ones(1500), data["Z0"], data["Z1"]]
    x = data["X"].astype(int)
    theirs = effects.TreatmentEffect(sm.OLS(data["Y"], z), x, results_select=sm.Logit(x, z).fit(disp=0))
    base = Adjust("X", "Y", ("Z0", "Z1"))
    for how, result in (("ipw", theirs.ipw()), ("regression", theirs.ra())):
        ours = replace(base, how=how)(data)
        assert ours.estimate == pytest.approx(float(np.ravel(result.effect)[0]), rel=1e-4)
        assert half(ours) == pytest.approx(1.9615 * float(np.ravel(result.results_gmm.bse)[0]), rel=0.02)
    ours = replace(base, outcome="linear", propensity="linear")(data)
    result = theirs.aipw()
    assert ours.estimate == pytest.approx(float(np.ravel(result.effect)[0]), abs=0.02)
    assert half(ours) == pytest.approx(1.9615 * float(np.ravel(result.results_gmm.bse)[0]), rel=0.05)


def test_weighting_of_dowhy() -> None:
    dowhy = pytest.importorskip("dowhy")
    pandas = pytest.importorskip("pandas")
    data = Columns.read(CONFOUNDED["linear"](np.random.default_rng(0), 1500)[0])
    frame = pandas.DataFrame({name: data[name] for name in data.names})
    frame["X"] = frame["X"].astype(bool)
    model = dowhy.CausalModel(frame, "X", "Y", common_causes=["Z0", "Z1"])
    found = model.estimate_effect(model.identify_effect(), method_name="backdoor.propensity_score_weighting")
    assert Adjust("X", "Y", ("Z0", "Z1"), how="ipw").point(data) == pytest.approx(float(found.value), abs=0.03)


def test_mediation_of_statsmodels(sm: ModuleType) -> None:
    mediation = pytest.importorskip("statsmodels.stats.mediation")
    pandas = pytest.importorskip("pandas")
    data = Columns.read(mediated(np.random.default_rng(0), 2000)[0])
    frame = pandas.DataFrame({name: data[name] for name in data.names})
    outcome = sm.OLS.from_formula("Y ~ X * M + Z", frame)
    theirs = mediation.Mediation(outcome, sm.OLS.from_formula("M ~ X + Z", frame), "X", "M").fit(n_rep=200)
    table = theirs.summary()
    ours = Mediate("X", ("M",), "Y", ("Z",)).fit(data)
    assert ours.indirect.estimate == pytest.approx(float(table.loc["ACME (treated)", "Estimate"]), abs=0.2)
    assert ours.direct.estimate == pytest.approx(float(table.loc["ADE (control)", "Estimate"]), abs=0.1)
