"""Renders a pleach workspace as an action with declared inputs and one output folder."""

# Bazel provides inputs as symbolic links, and pleach does not follow links that lead out of the workspace.
_RENDER = """
set -eu
pleach=$PWD/$1 tree=$PWD/$2 package=$3 list=$PWD/$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar --create --dereference --files-from "$list" | tar --extract --directory "$work"
"$pleach" --directory "$work/$package" --cache "$work/cache" --quiet render --no-cache --out "$work/tree" "$@"
cp -R "$work/tree/." "$tree"
"""

def _pleach_tree_impl(ctx):
    tree = ctx.actions.declare_directory(ctx.label.name)
    listed = ctx.actions.declare_file(ctx.label.name + ".srcs")
    ctx.actions.write(listed, "".join([it.path + "\n" for it in ctx.files.srcs]))
    arguments = ctx.actions.args()
    arguments.add(ctx.executable.pleach)
    arguments.add_all([tree], expand_directories = False)
    arguments.add(ctx.label.package or ".")
    arguments.add(listed)
    arguments.add_all(ctx.attr.environments, before_each = "--env")
    ctx.actions.run_shell(
        command = _RENDER,
        arguments = [arguments],
        inputs = ctx.files.srcs + [listed],
        tools = [ctx.executable.pleach],
        outputs = [tree],
        mnemonic = "PleachRender",
        progress_message = "Rendering %s" % ctx.label,
    )
    return [DefaultInfo(files = depset([tree]))]

pleach_tree = rule(
    doc = "The rendered tree of a workspace, or of some of its environments.",
    implementation = _pleach_tree_impl,
    attrs = {
        "srcs": attr.label_list(
            doc = "All files of the workspace: claims, overlays, templates, charts, pleach.yaml and pleach.lock.",
            allow_files = True,
            mandatory = True,
        ),
        "environments": attr.string_list(doc = "The environments to render; default: all."),
        "pleach": attr.label(
            doc = "The pleach program.",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
)
