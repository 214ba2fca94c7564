"""The part of a report that one plays with: choose a network, move through its training, look back through its steps.

In: the tables of a sweep. Out: a piece of HTML that needs nothing else, neither a request nor ``eval``; without scripts
it is a still picture of the same.

Made of what a browser brings along (``select``, ``input``, SVG), and of no chart library. What decided it is what a
keyboard and a screen reader can do. In Vega and plotly.js, values at the pointer are out of a keyboard's reach
(vega/vega#3878, plotly/plotly.js#562); Bokeh draws on a canvas that says nothing (bokeh/bokeh#12259). So with each of
them the controls and the table of values had to be plain HTML, and two charts of lines were left to draw. For these,
Vega's script comes in a package of 84 MB, which takes 8 seconds to hand it over, and puts 0.9 MB into every page. The
script here has 22 kB, and its lines follow the page's colours in light and dark.
"""

from harness.report.explorer.fragment import explorer

__all__ = ["explorer"]
