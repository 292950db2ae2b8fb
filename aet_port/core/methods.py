"""Methods of data types and results that call a function of a higher layer.

A class such as :class:`aet_port.core.data.TiltSeries` is in the lowest layer and may not import
higher ones, but ``series.reconstruct()`` reads better than an import. Each such method is therefore
defined here once, by module and name of the function that it calls; the function gets the object
as its first argument and is imported when the method is first used
(:class:`aet_port.core.late_methods.LateMethod`). A class gets its method by
``reconstruct = methods.reconstruct``.

The stub beside this file tells type checkers the keywords and the result of every method. A test
checks that the two agree.
"""

from aet_port.core.late_methods import LateMethod

reconstruct = LateMethod("aet_port.resire.reconstruction", "reconstruct")
trace = LateMethod("aet_port.tracing.peak_search", "trace")
analyze = LateMethod("aet_port.structure.analysis", "analyze")

_EXCHANGE = "aet_port.io.exchange"
to_hyperspy = LateMethod(_EXCHANGE, "to_hyperspy")
to_xarray = LateMethod(_EXCHANGE, "to_xarray")

to_dataframe = LateMethod("aet_port.structure.data_frames", "to_dataframe")

_IMAGES = "aet_port.figures.images"
plot_frames = LateMethod(_IMAGES, "plot_frames")
plot_model = LateMethod(_IMAGES, "plot_model")
plot_tilt_series = LateMethod(_IMAGES, "plot_tilt_series")
plot_volume = LateMethod(_IMAGES, "plot_volume")
plot_density_map = LateMethod(_IMAGES, "plot_density_map")
plot_chemical_map = LateMethod(_IMAGES, "plot_chemical_map")

_STRUCTURE = "aet_port.figures.structure_results"
plot_bipyramids = LateMethod(_STRUCTURE, "plot_bipyramids")
plot_bond_angles = LateMethod(_STRUCTURE, "plot_bond_angles")
plot_bond_order = LateMethod(_STRUCTURE, "plot_bond_order")
plot_diffraction = LateMethod(_STRUCTURE, "plot_diffraction")
plot_motifs = LateMethod(_STRUCTURE, "plot_motifs")
plot_networks = LateMethod(_STRUCTURE, "plot_networks")
plot_packing_curve = LateMethod(_STRUCTURE, "plot_packing_curve")
plot_pair_distribution = LateMethod(_STRUCTURE, "plot_pair_distribution")
plot_partial_pdf = LateMethod(_STRUCTURE, "plot_partial_pdf")
plot_structure = LateMethod(_STRUCTURE, "plot_structure")
plot_structure_factor = LateMethod(_STRUCTURE, "plot_structure_factor")
plot_voronoi = LateMethod(_STRUCTURE, "plot_voronoi")

plot_pattern = LateMethod("aet_port.figures.scattering", "plot_pattern")

_MODEL = "aet_port.figures.model_results"
plot_classification = LateMethod(_MODEL, "plot_classification")
plot_matching = LateMethod(_MODEL, "plot_matching")
plot_peaks = LateMethod(_MODEL, "plot_peaks")
plot_precision = LateMethod(_MODEL, "plot_precision")
plot_reconstruction = LateMethod(_MODEL, "plot_reconstruction")
plot_refinement = LateMethod(_MODEL, "plot_refinement")
