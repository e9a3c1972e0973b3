"""How pods come, run, fail, are restarted and go."""

import asyncio

import pytest

from kdlib.errors import ApiError
from kdlib.frozen import dig

in_module = pytest.mark.asyncio(loop_scope="module")


FOREVER = "sleep 1000"


@in_module
async def test_a_pod_that_ends_well_succeeds_and_keeps_its_log(world):
    world.run("job", "echo done; echo oops >&2", restartPolicy="Never")

    assert await world.phase("job", "Succeeded", "Failed") == "Succeeded"

    terminated = world.container("job")["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (0, "Completed")
    assert terminated["containerID"] == world.container("job")["containerID"]
    assert sorted((await world.log("job")).splitlines()) == ["done", "oops"]
    assert world.reasons("job") == ["Pulled", "Created", "Started"]


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$$$; sleep 9", 137), ("nosuchprogram", 127)])
@in_module
async def test_an_exit_code_is_told_and_a_signal_counts_from_128(world, script, code):
    # Process 1 cannot be killed by a process beside it, so the script runs as its child.
    world.run(f"ends-{code}", f"sh -c '{script}'; exit $?", restartPolicy="Never")

    assert await world.phase(f"ends-{code}", "Succeeded", "Failed") == "Failed"

    assert world.container(f"ends-{code}")["state"]["terminated"]["exitCode"] == code


@in_module
async def test_a_container_that_ends_is_started_again_with_a_new_id_and_backs_off(world):
    world.run("crash", "exit 3")

    first = await world.until(lambda: world.container("crash").get("containerID"))
    waiting = await world.until(lambda: dig(world.container("crash"), "state", "waiting"))
    await world.until(lambda: world.container("crash")["restartCount"] >= 2)

    status = world.container("crash")
    assert status["containerID"] != first
    assert status["containerID"].startswith("sandbox://")
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert waiting["reason"] == "CrashLoopBackOff"
    assert waiting["message"].startswith("back-off 0.2s restarting failed container=app pod=crash_default(")
    assert "BackOff" in world.reasons("crash")


@in_module
async def test_on_failure_restarts_until_it_succeeds(world):
    claim = {"emptyDir": {}, "name": "kept"}
    mount = {"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]}
    world.run(
        "retry",
        "echo x >> /kept/n; test $(wc -l < /kept/n) = 3",
        restartPolicy="OnFailure",
        volumes=[claim],
        container=mount,
    )

    assert await world.phase("retry", "Succeeded") == "Succeeded"

    assert world.container("retry")["restartCount"] == 2


@in_module
async def test_the_end_of_the_first_process_brings_a_new_life(world):
    world.run("phoenix", "trap 'exit 5' USR1; echo ready; sleep 1000 & wait")
    await world.says("phoenix", "ready")
    first = world.container("phoenix")["containerID"]

    await world.shell("phoenix", "kill -USR1 1")
    await world.until(lambda: world.container("phoenix")["restartCount"] == 1 and world.container("phoenix")["ready"])

    assert world.container("phoenix")["containerID"] != first
    assert world.container("phoenix")["lastState"]["terminated"]["containerID"] == first


@in_module
async def test_deletion_is_graceful_and_the_pod_goes_when_its_processes_have(world):
    world.run("polite", "trap 'echo bye; exit 0' TERM; echo ready; sleep 1000 & wait")
    await world.says("polite", "ready")
    last = world.last_seen("polite")

    world.delete("polite", grace_seconds=10)
    await world.gone("polite")

    assert last["status"]["phase"] == "Succeeded"
    assert last["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert "Killing" in world.reasons("polite")


@in_module
async def test_a_container_that_ignores_the_end_is_killed_after_the_grace_period(world):
    world.run("stubborn", "trap '' TERM; echo ready; sleep 1000")
    await world.says("stubborn", "ready")
    seen = world.last_seen("stubborn")

    world.delete("stubborn", grace_seconds=1)
    await world.gone("stubborn")

    assert dig(seen, "status", "containerStatuses", 0, "state", "terminated", "exitCode") == 137


@in_module
async def test_a_second_deletion_shortens_the_grace_period(world):
    world.run("slow", "trap '' TERM; sleep 1000")
    await world.running("slow")

    world.delete("slow", grace_seconds=3600)
    world.delete("slow", grace_seconds=1)
    await world.gone("slow")


@in_module
async def test_a_pod_deleted_by_force_leaves_no_process(world):
    world.run("forced", "trap '' TERM; sleep 4242")
    await world.running("forced")

    world.delete("forced", grace_seconds=0)

    assert world.pod("forced") == {}
    world.run("next", FOREVER)
    await world.running("next")


@in_module
async def test_init_containers_run_one_after_another_before_the_others(world):
    kept = {"volumeMounts": [{"name": "kept", "mountPath": "/kept"}], "image": "base"}
    inits = [
        {"name": name, "command": ["sh", "-c", f"echo {name} >> /kept/order"], **kept} for name in ("first", "second")
    ]
    world.run(
        "ordered",
        f"echo main >> /kept/order; {FOREVER}",
        initContainers=inits,
        container=kept,
        volumes=[{"name": "kept", "emptyDir": {}}],
    )
    await world.running("ordered")

    assert (await world.output("ordered", "cat /kept/order")).split() == ["first", "second", "main"]
    statuses = world.pod("ordered")["status"]["initContainerStatuses"]
    assert [each["state"]["terminated"]["exitCode"] for each in statuses] == [0, 0]
    assert [each["ready"] for each in statuses] == [True, True]


@in_module
async def test_a_failing_init_container_fails_a_pod_that_is_never_restarted(world):
    inits = [{"name": "bad", "image": "base", "command": ["sh", "-c", "exit 4"]}]
    world.run("doomed", FOREVER, initContainers=inits, restartPolicy="Never")

    assert await world.phase("doomed", "Failed", "Running") == "Failed"

    assert world.container("doomed", "initContainerStatuses")["state"]["terminated"]["exitCode"] == 4
    assert world.container("doomed")["state"]["waiting"]["reason"] == "PodInitializing"


@in_module
async def test_a_sidecar_starts_first_and_ends_last(world):
    side = {"name": "side", "image": "base", "restartPolicy": "Always", "command": ["sh", "-c", FOREVER]}
    world.run("pair", "exit 0", initContainers=[side], restartPolicy="Never", terminationGracePeriodSeconds=0)

    assert await world.phase("pair", "Succeeded", "Failed") == "Succeeded"

    assert world.container("pair", "initContainerStatuses")["state"]["terminated"]["exitCode"] == 137


@in_module
async def test_hooks_run_after_the_start_and_before_the_end(world):
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "none"}})
    hooks = {
        "postStart": {"exec": {"command": ["sh", "-c", "echo started > /proc/1/fd/1"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo stopping > /kept/stopped"]}},
    }
    extra = {"lifecycle": hooks, "volumeMounts": [{"name": "kept", "mountPath": "/kept"}]}
    script = "trap 'cat /kept/stopped; exit 0' TERM; echo ready; sleep 1000 & wait"
    world.run("hooked", script, container=extra, volumes=[{"name": "kept", "emptyDir": {}}])
    await world.says("hooked", "ready")
    reading = asyncio.create_task(world.log("hooked", follow=True))
    await asyncio.sleep(0)

    world.delete("hooked")

    assert sorted((await reading).split()) == ["ready", "started", "stopping"]
    await world.gone("hooked")


@in_module
async def test_a_failing_post_start_hook_ends_the_container(world):
    hooks = {"postStart": {"exec": {"command": ["sh", "-c", "echo no; exit 1"]}}}
    world.run(
        "unhooked", FOREVER, container={"lifecycle": hooks}, terminationGracePeriodSeconds=0, restartPolicy="Never"
    )

    assert await world.phase("unhooked", "Failed", "Running") == "Failed"

    assert "FailedPostStartHook" in world.reasons("unhooked")


@in_module
async def test_readiness_follows_its_probe(world):
    probe = {"exec": {"command": ["test", "-e", "/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    world.run("probed", FOREVER, container={"readinessProbe": probe})
    await world.until(lambda: "Unhealthy" in world.reasons("probed"))
    assert world.container("probed")["ready"] is False
    assert world.pod("probed")["status"]["phase"] == "Running"

    await world.shell("probed", "touch /ready")
    await world.running("probed")


@in_module
async def test_a_failing_liveness_probe_restarts_the_container(world):
    probe = {"exec": {"command": ["sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 1}
    world.run("sick", FOREVER, container={"livenessProbe": probe}, terminationGracePeriodSeconds=0)

    await world.until(lambda: world.container("sick").get("restartCount", 0) >= 1)

    assert world.container("sick")["lastState"]["terminated"]["exitCode"] == 137
    assert {"Unhealthy", "Killing"} <= set(world.reasons("sick"))


@in_module
async def test_a_web_probe_asks_the_pod(world):
    serve = "mkdir /w; cd /w; exec python3 -m http.server 8080"
    probe = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1}
    port = [{"name": "web", "containerPort": 8080}]
    world.run(
        "served",
        serve,
        container={"readinessProbe": probe, "startupProbe": {**probe, "failureThreshold": 30}, "ports": port},
    )

    await world.running("served")

    assert world.container("served")["started"] is True


@in_module
async def test_an_unknown_image_waits_and_recovers_when_it_comes(own_world, tmp_path):
    own_world.images._any_image = False
    own_world.run("later", FOREVER, container={"image": "app:1"})
    await own_world.until(lambda: dig(own_world.container("later"), "state", "waiting", "reason") == "ErrImagePull")
    await own_world.until(lambda: dig(own_world.container("later"), "state", "waiting", "reason") == "ImagePullBackOff")
    with pytest.raises(ApiError, match="is waiting to start: trying and failing to pull image"):
        await own_world.log("later")
    assert own_world.pod("later")["status"]["phase"] == "Pending"
    assert {"Pulling", "Failed", "BackOff"} <= set(own_world.reasons("later"))

    own_world.images.add("app:1", tmp_path)
    await own_world.running("later")


@in_module
async def test_a_container_without_a_command_runs_an_init_that_reaps(world):
    world.run("idle")
    await world.running("idle")

    await world.shell("idle", "(sh -c 'true' & exec true) & sleep 0.2")

    assert "Z" not in await world.output("idle", "ps -eo stat=")
    assert await world.output("idle", "cat /proc/1/comm") == "init"
    world.delete("idle")
    await world.gone("idle")


@in_module
async def test_a_program_that_is_not_there_is_a_start_error(world):
    world.run("typo", container={"command": ["no-such-program"]}, restartPolicy="Never")

    assert await world.phase("typo", "Failed") == "Failed"

    terminated = world.container("typo")["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert 'exec: "no-such-program": executable file not found in $PATH' in terminated["message"]


@in_module
async def test_last_words_are_in_the_status(world):
    world.run("speaks", "echo farewell > /dev/termination-log; exit 1", restartPolicy="Never")

    await world.phase("speaks", "Failed")

    assert world.container("speaks")["state"]["terminated"]["message"] == "farewell\n"


@in_module
async def test_a_pod_past_its_deadline_fails(world):
    world.run("late", FOREVER, activeDeadlineSeconds=1, terminationGracePeriodSeconds=0)

    assert await world.phase("late", "Failed") == "Failed"

    assert world.pod("late")["status"]["reason"] == "DeadlineExceeded"


@in_module
async def test_a_pod_that_cannot_be_understood_stops_only_itself(world):
    world.run("odd", FOREVER, volumes=[{"name": "host", "hostPath": {"path": "/"}}])
    world.run("even", FOREVER)

    await world.running("even")

    await world.until(lambda: "FailedMount" in world.reasons("odd"))
    assert world.pod("odd")["status"]["phase"] == "Pending"
    world.delete("odd")
    await world.gone("odd")
