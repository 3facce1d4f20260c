import numpy as np
import pytest

from napari_zircon_cnn.audit import (
    MASKED,
    MATCHED,
    SHUFFLED,
    VIEWS,
    WHOLE,
    Crops,
    Viewed,
    reliance,
    views_of,
)


@pytest.fixture(scope="module")
def drawn() -> tuple[Crops, Crops, Crops]:
    """Return crops of ten discs, each of a brightness of its own, with resin of 0.1 around them."""
    rows, columns = np.mgrid[:32, :32]
    distance = np.hypot(rows - 15.5, columns - 15.5)
    masks = np.stack([distance < radius for radius in range(6, 16)]).astype(np.float32)
    zoning = 0.2 * np.sin(distance)[None] + np.linspace(0.3, 0.7, 10)[:, None, None]
    masked = (masks * zoning).astype(np.float32)
    whole = masked + np.float32(0.1) * (1 - masks)
    return whole[..., None], masked[..., None], masks[..., None]


def test_each_view_takes_one_thing_away(drawn: tuple[Crops, Crops, Crops]) -> None:
    whole, masked, masks = drawn
    views = views_of(whole, masked, masks)
    assert list(views) == list(VIEWS)
    inside = masks > 0.5
    for name, crops in views.items():
        assert crops.shape == whole.shape
        assert crops.dtype == np.float32
        assert (name == WHOLE) == bool(crops[~inside].any())
    for n, mask in enumerate(inside):
        np.testing.assert_array_equal(np.sort(views[SHUFFLED][n][mask]), np.sort(masked[n][mask]))
        assert (views[SHUFFLED][n] != masked[n]).any()
        # Brightness is gone and the order of the pixels by brightness stays.
        order = masked[n][mask].argsort(kind="stable")
        assert (np.diff(views[MATCHED][n][mask][order]) >= -1e-6).all()
    means = [views[MATCHED][n][mask].mean() for n, mask in enumerate(inside)]
    assert np.ptp(means) < 0.02 < np.ptp([masked[n][mask].mean() for n, mask in enumerate(inside)])
    again = views_of(whole, masked, masks)
    assert all((again[name] == views[name]).all() for name in VIEWS)


def test_a_grain_too_small_to_have_a_pixel_is_black(drawn: tuple[Crops, Crops, Crops]) -> None:
    whole, masked, masks = (crops.copy() for crops in drawn)
    masked[0] = masks[0] = 0
    views = views_of(whole, masked, masks)
    assert not views[MATCHED][0].any()
    assert not views[SHUFFLED][0].any()


def said_of(known: float = 0.9, new: float = 0.85, brightness: float = 0.8, **shown: float) -> str:
    """Return what is said of networks whose figures are these, in five folds that differ a little."""
    wobble = np.array([-0.01, 0.0, 0.01, 0.0, 0.0])
    falls = {name.replace("_", " "): tuple(auc + wobble) for name, auc in shown.items()}
    usual = tuple(known + wobble)
    found = {name: Viewed(usual, new, falls.get(name, usual)) for name in VIEWS}
    return reliance(found, Viewed((brightness,), 0.55), Viewed((0.6,), 0.6))


def test_first_sentence_names_what_was_missed_most() -> None:
    assert said_of(same_grey_values=0.55, shuffled=0.75) == (
        "The networks rely most on brightness: once all grains have the same grey values, the ROC-AUC on "
        "grains of the samples that they know falls from 0.90 to 0.55. They use zoning too (0.90 to 0.75). "
        "Brightness alone reaches 0.80 there and 0.55 on new samples. That is a shortcut: brightness depends "
        "on session and detector as much as on the rock. Train on masked crops whose light is varied "
        "(--masked --augmentation session)."
    )
    zoning = said_of(shuffled=0.6, same_grey_values=0.8)
    assert zoning.startswith("The networks rely most on zoning: once the pixels within each grain are shuf")
    assert "They use brightness too (0.90 to 0.80)." in zoning
    assert "shortcut" not in zoning
    around = said_of(masked=0.5)
    assert around.startswith("The networks rely most on what surrounds the grain")
    assert "That is a shortcut: what lies around a grain" in around
    assert said_of() == "The networks miss nothing that was taken from the crops alone."


def test_grey_values_that_are_more_than_brightness_are_no_plain_shortcut() -> None:
    said = said_of(same_grey_values=0.55, brightness=0.62)
    assert said.startswith("The networks rely most on brightness")
    assert "Brightness alone reaches 0.62 there" in said
    assert "shortcut" not in said
    assert said.endswith("that too changes with session and detector.")


def test_shortcut_that_harms_on_new_samples_is_told() -> None:
    falls = {name: Viewed((0.95, 0.95), 0.5, (0.95, 0.95)) for name in (WHOLE, MASKED, SHUFFLED)}
    falls[MATCHED] = Viewed((0.9, 0.9), 0.8, (0.6, 0.6))
    said = reliance(falls, Viewed((0.95,), 0.5), Viewed((0.6,), 0.6))
    assert "networks that cannot see it do better (0.80 against 0.50)." in said


def test_a_fall_within_its_error_is_none() -> None:
    steady, shaky = (0.9, 0.9, 0.9, 0.9), (0.9, 0.5, 0.9, 0.9)
    for shown, is_told in ((shaky, False), ((0.8, 0.8, 0.8, 0.8), True)):
        found = {name: Viewed(steady, 0.9, steady) for name in VIEWS} | {MATCHED: Viewed(steady, 0.9, shown)}
        assert ("brightness" in reliance(found, Viewed((0.5,)), Viewed((0.5,)))) == is_told


def test_shapes_that_do_as_well_are_told() -> None:
    found = {name: Viewed((0.9,), 0.9, (0.9,)) for name in VIEWS}
    said = reliance(found, Viewed((0.5,)), Viewed((0.88,)))
    assert said.endswith("The shapes in the grain table do as well without any network (0.88).")


@pytest.mark.parametrize("known", [0.55, float("nan")])
def test_there_is_nothing_to_explain_at_chance(known: float) -> None:
    assert said_of(known=known).startswith("Even on the samples that they know the networks do hardly better")
