//! Commits with deep folders, long links, large blobs, and trees that contain the same tree many times.

use super::{Case, files, hostile};

const WORKSPACE: &str = "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n\
    -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n";

/// Two commits of a workspace: `A`, and `B`, which a script creates. The script may set `tree` to a tree that becomes a folder of
/// `environments/test` in `B`.
fn commits(command: &[&str], script: &str) -> Case {
    let script = format!(
        "git init -q . && git config core.symlinks true && git add -A && git commit -qm a && git tag A\n\
         {script}\n\
         if [ -n \"$tree\" ]; then\n\
           env_file=$(git rev-parse A:environments/test/environment.yaml)\n\
           top=$(printf '040000 tree %s\\tdeep\\n100644 blob %s\\tenvironment.yaml\\n' \"$tree\" \"$env_file\" | git mktree)\n\
           environments=$(printf '040000 tree %s\\ttest\\n' \"$top\" | git mktree)\n\
           root=$(printf '040000 tree %s\\tenvironments\\n100644 blob %s\\tpleach.yaml\\n' \"$environments\" \"$(git rev-parse A:pleach.yaml)\" | git mktree)\n\
           git tag B $(git commit-tree -m b -p A \"$root\")\n\
         fi"
    );
    Case::new(command, files(WORKSPACE)).after(&script)
}

/// A tree whose entries are all the same tree, on every level.
fn bomb(width: usize, levels: usize) -> String {
    let entries: String = (0..width)
        .map(|at| format!("040000 tree $tree\\td{at}\\n"))
        .collect();
    format!(
        "blob=$(echo 'a: b' | git hash-object -w --stdin)\n\
         tree=$(printf \"100644 blob $blob\\ta.yaml\\n\" | git mktree)\n\
         for i in $(seq {levels}); do tree=$(printf \"{entries}\" | git mktree); done"
    )
}

fn deep(levels: usize) -> String {
    format!(
        "blob=$(echo 'a: b' | git hash-object -w --stdin)\n\
         export GIT_INDEX_FILE=.git/deep-index\n\
         git update-index --add --cacheinfo \"100644,$blob,$(printf 'd/%.0s' $(seq {levels}))a.yaml\"\n\
         tree=$(git write-tree)\n\
         unset GIT_INDEX_FILE"
    )
}

fn link(target_bytes: usize) -> String {
    format!(
        "blob=$(head -c {target_bytes} /dev/zero | tr '\\0' a | sed 's/aa/a\\//g' | git hash-object -w --stdin)\n\
         tree=$(printf \"120000 blob $blob\\ta.yaml\\n\" | git mktree)"
    )
}

/// A blob of zeros, which is small when it is compressed.
fn large_blob(mebibytes: usize) -> String {
    format!(
        "blob=$(head -c {mebibytes}M /dev/zero | git -c core.compression=1 hash-object -w --stdin)\n\
         tree=$(printf \"100644 blob $blob\\ta.yaml\\n\" | git mktree)"
    )
}

const DIFF: &[&str] = &["diff", "A..B"];
const AFFECTED: &[&str] = &["affected", "A..B"];

hostile! {
    diff_of_a_tree_bomb: commits(DIFF, &bomb(10, 10)).without_position();
    diff_of_many_claims_that_fail: { let mut case = commits(DIFF, "sed -i 's/namespace/namespaces/' environments/test/a.yaml && git commit -qam b && git tag B");
        case.files.push(("environments/test/a.yaml".into(), super::repeat(300, |at| "---\napiVersion: pleach.dev/v1\nkind: OperatorInstall\nmetadata: {name: a#}\nspec: {namespace: n#, chart: {repository: 'https://a', name: a, version: 1.0.0}}\n".replace('#', &at.to_string())).into()));
        case }.harmless();
    affected_by_a_tree_bomb: commits(AFFECTED, &bomb(10, 10)).without_position().harmless();
    diff_of_deep_folders: commits(DIFF, &deep(1_000)).without_position();
    affected_by_deep_folders: commits(AFFECTED, &deep(1_000)).without_position().harmless();
    diff_of_a_long_link: commits(DIFF, &link(200_000)).without_position();
    affected_by_a_long_link: commits(AFFECTED, &link(200_000)).without_position().harmless();
    diff_of_a_large_blob: commits(DIFF, &large_blob(300)).without_position();
    affected_by_a_large_blob: commits(AFFECTED, &large_blob(300)).without_position().harmless();
    render_of_a_large_file: Case::new(&["render", "--out", "out"], files(WORKSPACE)).after("truncate -s 1G environments/test/a.yaml").without_position().reports("larger than");
    build_of_a_large_file: super::kustomize::over("", "").after("truncate -s 1G in/a.yaml").reports("larger than");
    build_of_a_large_kustomization: super::kustomize::over("", "").after("truncate -s 1G in/kustomization.yaml").reports("larger than").without_position();
    build_of_a_large_generator_file: super::kustomize::over("configMapGenerator: [{name: a, files: [b]}]\n", "").after("truncate -s 1G in/b").reports("larger than");
    build_of_many_large_generator_files: super::kustomize::over(&format!("configMapGenerator:\n{}", "- {name: a, behavior: merge, files: [b]}\n".repeat(50)), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n").after("truncate -s 30M in/b");
    render_of_deep_folders: Case::new(&["render", "--out", "out"], files(WORKSPACE)).after("d=environments/test; for i in $(seq 900); do d=$d/d; done; mkdir -p $d && echo 'a: b' > $d/a.yaml").harmless().without_position();
    render_of_links_to_itself: Case::new(&["render", "--out", "out"], files(WORKSPACE)).after("for i in 0 1 2 3 4; do ln -s . environments/test/d$i; done").harmless().without_position();
    render_of_a_device: Case::new(&["render", "--out", "out"], files(WORKSPACE)).after("ln -s /dev/zero environments/test/a.yaml").harmless().without_position();
    build_of_a_device: super::kustomize::over("", "").after("rm in/a.yaml && ln -s /dev/zero in/a.yaml").without_position();
    build_of_a_pipe: super::kustomize::over("", "").after("rm in/a.yaml && mkfifo in/a.yaml").without_position();
}
