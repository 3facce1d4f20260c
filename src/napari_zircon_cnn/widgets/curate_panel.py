"""The third panel: grains accepted, rejected, joined, cut, drawn anew, one after the other by keys."""

import time
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
from napari.viewer import Viewer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
)

from napari_zircon_cnn.actions import Accept, Action, Delete, Merge, Reject, RejectFlagged, SetClass
from napari_zircon_cnn.columns import ACCEPTED, FLAGS, REJECTED, UNREVIEWED
from napari_zircon_cnn.curation import Touched
from napari_zircon_cnn.grains import existing, flagged, pixel_boxes
from napari_zircon_cnn.widgets.colour_key import explain_colours
from napari_zircon_cnn.widgets.colours import STATUS_COLOURS, Mode
from napari_zircon_cnn.widgets.grain_table import GrainTable
from napari_zircon_cnn.widgets.keys import Keys
from napari_zircon_cnn.widgets.legend import ColourLegend
from napari_zircon_cnn.widgets.open_sample import OpenSample
from napari_zircon_cnn.widgets.panel import Panel, button, narrow
from napari_zircon_cnn.widgets.picking import picking_of
from napari_zircon_cnn.widgets.review_order import BY_DOUBT, BY_FLAG, ORDERS, step_from, unreviewed
from napari_zircon_cnn.widgets.session import Session

_REASONS = ("fragment", "two grains", "no zircon", "blurred", "charging", "cut by seam", "too dim")
_FEW = 8
_LONGEST_LOOK_S = 60.0


class CuratePanel(Panel):
    """Go through the grains and keep those that count."""

    title = "Curate"
    hint = (
        "Click a grain, or draw a box with Shift. Paint, fill and erase with napari's own tools. "
        "Ctrl+Z takes back whatever was last."
    )

    def __init__(self, napari_viewer: Viewer, session: Session | None = None) -> None:
        super().__init__(napari_viewer, session)
        self._reviewed, self._worked_s = 0, 0.0
        self._last_review: float | None = None
        self._after_gone: int | None = None
        self.picking = picking_of(self.session)
        self.count = QLabel("")
        self.count.setWordWrap(True)
        self.column.addWidget(self.count)
        self.legend = ColourLegend()
        self.legend.show_swatches(STATUS_COLOURS)
        self.column.addWidget(self.legend)
        self.chosen = QLabel("")
        self.chosen.setWordWrap(True)
        self.chosen.setMinimumHeight(2 * self.fontMetrics().height())
        self.column.addWidget(self.chosen)
        self._add_buttons()
        self._add_order()
        self._add_bulk()
        self.table = GrainTable()
        self.table.setMinimumHeight(160)
        # The height that it would like is more than a small window has.
        self.table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.column.addWidget(self.table)
        self.keys = Keys(
            self.session,
            {
                "A": self.accept,
                "R": self.reject,
                "J": self.join,
                "K": self._toggle_knife,
                "D": self.delete,
                "Delete": self.delete,
                "Backspace": self.delete,
                "W": self.draw_new,
                "C": self._set_class,
                "N": lambda: self.go(1),
                "Shift-N": lambda: self.go(-1),
                "Escape": self._let_go,
                "Control-Z": self.undo,
                "Control-Y": self.redo,
                "Control-Shift-Z": self.redo,
            },
        )
        self.picking.knife_changed.connect(self.knife_button.setChecked)
        self.table.selected.connect(self._select)
        self.table.activated.connect(self.session.zoom_to)
        self.session.active_changed.connect(lambda _: self._show_sample())
        self.session.rows_changed.connect(self._show_rows)
        self.session.selection_changed.connect(self._show_selection)
        self._show_sample()

    @property
    def is_done(self) -> bool:
        """Whether somebody has looked at each grain."""
        active = self.session.active
        return active is not None and not (active.table["status"] == UNREVIEWED).any()

    @property
    def selected(self) -> tuple[int, ...]:
        """The selected labels."""
        return self.session.active.selected if self.session.active else ()

    def accept(self) -> None:
        """Accept the selected grains."""
        self._judge(lambda labels: Accept(labels=labels))

    def reject(self) -> None:
        """Reject the selected grains for the reason that is chosen."""
        reason = self.reason.currentText().strip() or _REASONS[0]
        if self.reason.findText(reason) < 0:
            self.reason.addItem(reason)
        self._judge(lambda labels: Reject(labels=labels, reason=reason))

    def join(self) -> None:
        """Make one grain of those that are selected."""
        labels = self.selected
        if len(labels) < 2:
            self.session.say("Select two grains or more to join them: click with Shift.", wrong=True)
        elif self.session.perform(Merge(labels=labels)):
            self._select([min(labels)])

    def delete(self) -> None:
        """Take the selected grains out of the label image."""
        active = self.session.active
        if active is None or not self._has_selection():
            return
        following = self._following(active)
        if self.session.perform(Delete(labels=active.selected, reason="deleted by hand")):
            self._after_gone = following

    def undo(self) -> None:
        """Take back what was done last, and go back to where that was."""
        self._step(self.session.undo)

    def redo(self) -> None:
        """Do again what was taken back, and go where that is."""
        self._step(self.session.redo)

    def draw_new(self) -> None:
        """Turn to napari's brush with the next free label."""
        active = self.session.active
        if active is not None:
            self.picking.take_knife(taken=False)
            self.viewer.layers.selection.active = active.grains
            active.grains.selected_label = len(active.table)
            active.grains.mode = "paint"
            self.session.say("Paint the new grain; press Z for the arrow when it is done.")

    def go(self, step: int) -> None:
        """Turn to the next grain that nobody has looked at, or to the one before."""
        active = self.session.active
        if active is None:
            return
        label = self._following(active, step)
        if label is None:
            self.session.say(f"Somebody has looked at every grain of {active.name}.")
            return
        self._turn_to(label)

    def _judge(self, action: Any) -> None:
        """Accept or reject what is selected, and go on to the next."""
        active = self.session.active
        if active is None or not self._has_selection():
            return
        before, following = self.selected, self._following(active)
        if self.session.perform(action(before)):
            self._note_review(len(before))
            if following is not None and self.goes_on.isChecked():
                self._turn_to(following)

    def _following(self, active: OpenSample, step: int = 1) -> int | None:
        """Return the next grain that nobody has looked at, counted from what is selected."""
        chosen = active.selected
        labels = unreviewed(active.table, self.order.currentData(), also=chosen[:1])
        labels = labels[~np.isin(labels, chosen[1:])]
        if not chosen and step > 0 and self._after_gone in labels:
            return self._after_gone
        label = step_from(labels, chosen[0] if chosen else None, step)
        return None if label in chosen else label

    def _note_review(self, number: int) -> None:
        """Reckon with grains that were looked at since the last time; a pause is no work."""
        now = time.monotonic()
        if self._last_review is not None:
            self._reviewed += number
            self._worked_s += min(now - self._last_review, _LONGEST_LOOK_S)
        self._last_review = now
        self._show_count()

    def _step(self, step: Callable[[], dict[OpenSample, Touched]]) -> None:
        """Take a step through the history; a grain that was judged comes back to be judged anew."""
        active = self.session.active
        if active is None:
            return
        changed = step()
        if active not in changed:
            return
        there = {
            sample: np.intersect1d(touched.labels, existing(sample.table)).tolist()
            for sample, touched in changed.items()
        }
        if changed[active].box is None:
            self.session.together.choose(there)
        if there[active] and not _is_in_view(active, there[active]):
            self.session.bring_into_view(there[active][0])

    def _turn_to(self, label: int) -> None:
        active = self.session.active
        if active is None:
            return
        active.select([label])
        self.session.bring_into_view(label)

    def _toggle_knife(self) -> None:
        self.picking.take_knife(taken=not self.picking.has_knife)
        if self.picking.has_knife:
            self.session.say(
                "Knife: draw right through a grain, along any line; with Shift it is straight. "
                "Esc puts the knife away."
            )

    def _let_go(self) -> None:
        self.picking.take_knife(taken=False)
        active = self.session.active
        if active is not None:
            active.grains.mode = "pan_zoom"
            active.select([])

    def _has_selection(self) -> bool:
        if not self.selected:
            self.session.say("Select a grain first: click it, or press N for the next.", wrong=True)
        return bool(self.selected)

    def _perform_on_selection(self, action: Action) -> None:
        if self._has_selection():
            self.session.perform(action)

    def _select(self, labels: list[int]) -> None:
        if self.session.active is not None:
            self.session.active.select(labels)

    def _add_buttons(self) -> None:
        self.reason = narrow(QComboBox())
        self.reason.setEditable(True)
        self.reason.addItems(list(_REASONS))
        self.reason.setToolTip("Why the next grain is rejected; type another reason if none fits.")
        self.reason.setAccessibleName("Reason")
        self.accept_button = button("Accept  A", "Count the selected grains.", self.accept)
        self.reject_button = button(
            "Reject  R", "Count the selected grains nowhere; they stay, dimmed.", self.reject
        )
        self.join_button = button("Join  J", "Make one grain of the selected ones.", self.join)
        self.knife_button = button(
            "Cut  K",
            "Draw through a grain along any line to cut it; with Shift the line is straight.",
            self._toggle_knife,
        )
        self.knife_button.setCheckable(True)
        self.delete_button = button("Delete  D", "Take the selected grains out of the image.", self.delete)
        self.new_button = button("New  W", "Paint a grain that was not found.", self.draw_new)
        self.undo_button = button("Undo  Ctrl+Z", "Take back what was done last.", self.undo)
        self.redo_button = button("Redo  Ctrl+Y", "Do again what was taken back.", self.redo)
        grid = QGridLayout()
        places: tuple[tuple[QPushButton | QComboBox, int, int], ...] = (
            (self.accept_button, 0, 0),
            (self.reject_button, 0, 1),
            (self.reason, 0, 2),
            (self.join_button, 1, 0),
            (self.knife_button, 1, 1),
            (self.new_button, 1, 2),
            (self.delete_button, 2, 0),
            (self.undo_button, 2, 1),
            (self.redo_button, 2, 2),
        )
        for widget, row, column in places:
            grid.addWidget(widget, row, column)
        self.column.addLayout(grid)

    def _add_order(self) -> None:
        row = QHBoxLayout()
        row.addWidget(button("Back  ⇧N", "Turn to the grain before.", lambda: self.go(-1)))
        self.next_button = button("Next  N", "Turn to the next grain to look at.", lambda: self.go(1))
        row.addWidget(self.next_button)
        self.order = narrow(QComboBox())
        for key, text in ORDERS.items():
            self.order.addItem(text, key)
        self.order.setToolTip("In which order the grains come that nobody has looked at.")
        self.order.setAccessibleName("Order")
        row.addWidget(self.order, 1)
        self.column.addLayout(row)
        row = QHBoxLayout()
        self.goes_on = QCheckBox("Then go on")
        self.goes_on.setToolTip("Go on to the next grain after accept or reject.")
        self.goes_on.setChecked(True)
        row.addWidget(self.goes_on)
        self.colours = narrow(QComboBox())
        for mode in get_args(Mode):
            self.colours.addItem(f"Colours: {mode}", mode)
        self.colours.setToolTip("What the colours on the mount tell; a rejected grain is dimmed in each.")
        self.colours.setAccessibleName("Colours")
        self.colours.activated.connect(lambda _: self._colour())
        row.addWidget(self.colours, 1)
        self.column.addLayout(row)

    def _add_bulk(self) -> None:
        row = QHBoxLayout()
        self.flag = narrow(QComboBox())
        self.flag.setAccessibleName("Flag")
        self.flag.setToolTip("A flag, and how many of the grains that nobody has looked at have it.")
        row.addWidget(self.flag, 1)
        row.addWidget(
            button(
                "Reject all", "Reject all grains with this flag that nobody has looked at.", self._reject_all
            )
        )
        self.column.addLayout(row)
        row = QHBoxLayout()
        self.grain_class = narrow(QComboBox())
        self.grain_class.setEditable(True)
        self.grain_class.setToolTip("A class of its own for a grain; empty: that of its sample.")
        self.grain_class.setAccessibleName("Class of the selected grains")
        typed = self.grain_class.lineEdit()
        if typed is not None:
            typed.setPlaceholderText("class of the sample")
        row.addWidget(self.grain_class, 1)
        row.addWidget(button("Set class  C", "Give the selected grains this class.", self._set_class))
        self.column.addLayout(row)
        # The keys are for the grains again as soon as something is chosen.
        for box in (self.reason, self.order, self.flag, self.grain_class, self.colours):
            box.activated.connect(lambda _: self.setFocus())
        for line in (self.reason.lineEdit(), self.grain_class.lineEdit()):
            if line is not None:
                line.returnPressed.connect(self.setFocus)

    def _reject_all(self) -> None:
        self.session.perform(RejectFlagged(flag=self.flag.currentData()))

    def _set_class(self) -> None:
        name = self.grain_class.currentText().strip()
        if self._has_selection():
            self.session.perform(SetClass.model_validate({"labels": self.selected, "class": name}))
            self._show_classes()
            if self.colours.currentData() == "class":
                self._colour()

    def _colour(self) -> None:
        """Colour the grains as is chosen."""
        if self.session.active is not None:
            self.session.active.colour_by(self.colours.currentData(), self._classes())
            self._show_legend()

    def _classes(self) -> list[str]:
        """Return the classes of samples and then of single grains."""
        names = list(self.session.modelling.classes.values())
        if self.session.active is not None:
            names += sorted(set(self.session.active.table["class"]))
        return [name for name in dict.fromkeys(names) if name]

    def _show_classes(self) -> None:
        """Offer the classes that there are, and leave what was typed."""
        typed = self.grain_class.currentText()
        self.grain_class.clear()
        self.grain_class.addItems(["", *self._classes()])
        self.grain_class.setCurrentText(typed)

    def _show_legend(self) -> None:
        """Say what the colours on the mount tell now, whoever chose them."""
        active = self.session.active
        if active is None:
            return
        self.colours.setCurrentIndex(self.colours.findData(active.mode))
        explain_colours(self.legend, active, self.session.modelling.answered_by)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 -- Qt's name
        """Show what other panels have changed."""
        super().showEvent(event)
        self._show_classes()
        self._show_legend()

    def _show_sample(self) -> None:
        active = self.session.active
        for widget in (self.table, self.legend, self.chosen):
            widget.setVisible(active is not None)
        self._after_gone = None
        self.give_height_to(None if active is None else self.table)
        if active is not None:
            self.table.set_table(active.table)
            self._show_classes()
            self._show_legend()
            for reason in sorted(set(active.table["reason"]) - {"", *FLAGS}):
                if self.reason.findText(reason) < 0:
                    self.reason.addItem(reason)
            self.order.setCurrentIndex(
                self.order.findData(BY_DOUBT if active.table["probability"].notna().any() else BY_FLAG)
            )
        self._show_selection(self.selected)
        self._show_count()

    def _show_rows(self, labels: Any) -> None:
        active = self.session.active
        if active is None:
            return
        if labels is None:
            self.table.set_table(active.table)
            self._show_legend()
        else:
            self.table.update_rows(active.table, labels.tolist())
        self._show_count()
        self._show_selection(self.selected)

    def _show_count(self) -> None:
        """Show how many grains count, and how fast they are looked at."""
        active = self.session.active
        has_active = active is not None
        self.undo_button.setEnabled(active is not None and active.curation.can_undo)
        self.redo_button.setEnabled(active is not None and active.curation.can_redo)
        for widget in (self.accept_button, self.reject_button, self.next_button, self.knife_button):
            widget.setEnabled(has_active)
        if active is None:
            self.count.setText("Find the grains of a mosaic first.")
            return
        there = active.table.loc[existing(active.table), ["status", *FLAGS]]
        numbers = there["status"].value_counts()
        rejected = int(numbers.get(REJECTED, 0))
        parts = [f"{len(there) - rejected} count"]
        parts += [f"{int(numbers.get(status, 0))} {status}" for status in (ACCEPTED, UNREVIEWED, REJECTED)]
        if self._reviewed >= _FEW:
            parts.append(f"about {3600 * self._reviewed / max(self._worked_s, 1):.0f} an hour")
        self.count.setText(" · ".join(parts))
        before = self.flag.currentData()
        unreviewed_rows = there[there["status"] == UNREVIEWED]
        self.flag.clear()
        for flag in FLAGS:
            number = len(flagged(unreviewed_rows, flag))
            self.flag.addItem(f"{flag.replace('_', ' ')} ({number})", flag)
        self.flag.setCurrentIndex(max(self.flag.findData(before), 0))

    def _show_selection(self, labels: Any) -> None:
        active = self.session.active
        self.table.select(list(labels))
        self.join_button.setEnabled(len(labels) > 1)
        self.delete_button.setEnabled(bool(labels))
        if active is None or not labels:
            self.chosen.setText("No grain is selected." if active else "")
        elif len(labels) > 1:
            self.chosen.setText(f"{len(labels)} grains are selected.")
        else:
            row = active.table.loc[labels[0]]
            flags = ", ".join(flag.replace("_", " ") for flag in FLAGS if row[flag])
            facts = [
                f"{row['box_length_um']:.0f} x {row['box_width_um']:.0f} µm",
                f"{row['status']} ({row['reason']})" if row["reason"] else row["status"],
                row["class"],
                flags,
            ]
            self.chosen.setText(f"Grain {labels[0]}: {'; '.join(fact for fact in facts if fact)}.")


def _is_in_view(active: OpenSample, labels: list[int]) -> bool:
    """Return whether some part of each of the grains can be seen."""
    first, last = active.image.corner_pixels[:, -2:]
    boxes = pixel_boxes(active.table, labels, active.segmented.mount.pixel_size_um)
    return all(
        side.start <= far and side.stop > near
        for box in boxes
        for side, near, far in zip(box, first, last, strict=True)
    )
