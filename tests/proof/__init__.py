"""The proofs of the promises, and what each must catch.

A proof that nothing can fail proves nothing. So each has a negative control beside it: common but
wrong code that the same checker has to catch. `test_table.py` keeps this table complete: each test
of P2 to P6 and of P10 is in it as proof, as negative control (`negative`) or as another control (a
test that shows that a proof's checker works), and each promise has all that it needs.

proof/test_p1_one_create_one_task.py
    P1 proof    test_two_thousand_creates_make_two_thousand_tasks
    P1 negative test_the_check_catches_a_naive_client
proof/test_p1_the_reply_is_ours.py
    P1 proof    test_no_create_gets_the_task_of_another
    P1 proof    test_no_create_of_the_sync_client_gets_the_task_of_another
    P1 negative test_the_check_catches_a_client_that_believes_every_reply
    P1 proof    test_no_refusal_of_another_request_hides_a_task
    P1 proof    test_no_page_of_a_gateway_says_that_nothing_was_created
    P1 negative test_the_check_catches_a_client_that_believes_every_page
    P1 control  test_an_error_of_the_api_is_still_a_refusal
    P1 proof    test_a_fork_shares_no_connection
    P1 negative test_the_check_catches_a_client_that_is_forked_with_its_connection
    P1 control  test_a_client_of_the_callers_own_is_refused_after_a_fork
    P1 proof    test_a_create_that_is_cancelled_at_any_await_leaves_its_id
    P1 negative test_the_check_catches_a_client_that_is_cancelled_in_silence
proof/test_p1_killed_while_sending.py
    P1 proof    test_a_relay_that_is_killed_while_it_sends_buys_each_task_once
    P1 negative test_the_check_catches_a_relay_that_only_passes_creates_on
    P1 proof    test_a_lost_answer_with_a_concurrent_repeat_buys_one_task
    P1 negative test_the_check_catches_it_in_a_concurrent_repeat
    P1 proof    test_the_same_at_kling_itself
mock/relay/service/test_reconciler.py
    P1 proof    test_what_may_have_been_accepted_goes_to_no_other_channel
    P1 negative test_that_catches_a_relay_that_tries_the_next_channel
proof/test_p2_one_charge.py
    P2 proof    test_a_storm_charges_every_task_once
    P2 negative test_a_storm_charges_every_task_once
    P5 control  test_a_crash_around_the_call_to_kling_is_repaired
proof/test_p2_many_processes.py
    P2 proof    test_a_storm_over_four_processes_charges_every_task_once
    P2 proof    test_creates_and_settlements_never_show_a_deadlock
    P2 negative test_the_checker_catches_a_naive_relay
    P4 proof    test_a_balance_for_k_videos_buys_k
mock/relay/storage/test_broken_steps.py
    P2 proof    test_a_connection_that_is_cut_at_any_packet_moves_the_money_once
    P2 proof    test_an_error_of_mysql_at_any_packet_moves_the_money_once
    P2 proof    test_an_error_of_sqlite_at_any_call_moves_the_money_once
    P2 negative test_the_checker_catches_a_charge_that_is_only_run_again
proof/test_p3_any_order.py
    P3 proof    test_every_order_of_reports_ends_as_the_first_end_says
    P3 proof    test_the_same_before_kling_s_id_is_known
    P3 negative test_the_checker_catches_a_status_that_is_overwritten
proof/test_p3_unsigned.py
    P3 proof    test_every_unsigned_contradiction_is_kept_and_counted
    P3 proof    test_forged_callbacks_cannot_fill_the_disk
    P3 negative test_the_checker_catches_a_relay_that_drops_them
    P3 negative test_the_checker_catches_a_relay_that_believes_them
    P3 negative test_the_checker_catches_a_relay_that_keeps_them_all
mock/relay/service/test_dispatch.py
    P5 proof    test_a_refusal_never_overrules_what_was_read
    P5 control  test_a_refusal_of_a_task_that_has_ended_is_kept_aside
    P5 control  test_a_refusal_of_the_second_channel_overrules_nothing_either
    P5 negative test_that_catches_a_store_that_obeys_the_refusal
proof/test_p4_everything_at_once.py
    P4 proof    test_every_balance_is_right_whatever_goes_on
    P4 negative test_the_check_catches_wrong_money
proof/test_p4_no_overdraft.py
    P4 proof    test_a_balance_for_ten_videos_sells_ten
    P4 negative test_the_checker_catches_check_then_write
    P4 proof    test_a_failure_leaves_nothing_held
    P4 negative test_the_checker_catches_a_hold_that_leaks
    P4 proof    test_a_row_of_a_migration_is_never_charged
    P4 negative test_the_checker_catches_a_sweeper_that_charges_it
proof/test_p4_reconcile.py
    P4 proof    test_every_change_of_a_row_is_noticed
    P4 proof    test_each_of_these_corruptions_is_noticed
    P4 proof    test_a_task_that_is_charged_twice_is_noticed_without_the_index
    P4 proof    test_nothing_is_noticed_in_a_healthy_history
    P4 control  test_every_rule_and_every_column_is_on_the_page
    P4 control  test_every_exception_is_on_the_page
    P4 control  test_loops_over_the_rows_find_the_same
    P4 negative test_the_check_catches_a_reconcile_that_only_adds_up
proof/test_p5_killed_anywhere.py
    P5 proof    test_a_relay_that_is_killed_anywhere_loses_and_doubles_nothing
    P5 proof    test_the_same_over_mariadb
    P5 proof    test_a_relay_that_is_killed_while_others_do_not_answer
    P5 proof    test_the_same_trouble_over_mariadb
    P5 control  test_every_change_of_a_task_s_life_is_a_point
    P5 negative test_the_checker_catches_a_relay_that_settles_in_two_steps
proof/test_p5_database_servers_killed.py
    P2 proof    test_whatever_dies_nothing_is_lost_or_doubled
    P5 proof    test_whatever_dies_nothing_is_lost_or_doubled
    P5 negative test_the_check_catches_what_is_lost_and_what_is_doubled
proof/test_p5_stale_reads.py
    P5 proof    test_a_task_is_found_at_another_node
    P5 negative test_the_check_catches_reads_that_are_not_causal
proof/test_p5_every_task_ends.py
    P5 proof    test_every_task_ends_by_the_other_way
    P5 negative test_the_checker_catches_a_relay_with_one_way_only
proof/test_p5_wrong_clocks.py
    P5 proof    test_a_process_with_a_wrong_clock_harms_nobody
    P5 proof    test_a_wall_clock_that_jumps_harms_nobody
    P5 proof    test_a_wall_clock_that_jumps_on_sqlite_harms_nobody
    P5 proof    test_while_the_clocks_disagree_nothing_ends_for_its_age
    P5 proof    test_a_second_process_of_a_sqlite_file_says_that_it_lives_in_another_time
    P5 proof    test_a_relay_on_sqlite_that_started_a_day_ahead_leaves_nothing_that_lasts
    P5 negative test_the_checker_catches_a_clock_that_is_not_corrected
    P5 negative test_the_checker_catches_leases_that_are_far_away
    P5 negative test_the_checker_catches_a_jump_that_is_believed
proof/test_p5_broken_creates.py
    P5 proof    test_a_create_that_breaks_off_ends
    P5 negative test_the_checker_catches_a_create_that_is_told_to_have_failed
    P5 negative test_the_checker_catches_a_row_that_nobody_looks_after
    P5 negative test_the_checker_catches_a_mistake_that_is_taken_for_a_refusal
proof/test_p5_stopped_under_load.py
    P5 control  test_sigterm_under_load_loses_no_accepted_request
    P5 control  test_the_server_with_its_own_kling_stops_as_well
proof/test_p5_replicas_of_a_migration.py
    P5   proof     test_a_replica_stays_like_its_primary
    P5   proof     test_the_nodes_of_galera_stay_alike
    P5   negative  test_the_proof_catches_the_guides_own_alter
proof/test_p5_online_upgrade_on_a_cluster.py
    P5 proof    test_with_several_nodes_that_take_writes_it_is_refused
    P5 proof    test_with_all_writers_on_its_node_it_loses_no_update
    P5 proof    test_triggers_that_are_made_beside_writers_are_there_once
    P5 proof    test_an_update_during_the_copy_is_not_lost_on_the_same_node
    P5 proof    test_a_write_of_another_node_does_not_hold_up_the_swap
    P5 negative test_the_check_catches_a_writer_on_another_node
proof/test_p5_migration_killed_at_every_statement.py
    P5 proof    test_the_same_command_finishes_what_was_ended_before_any_statement
    P5 negative test_the_check_catches_the_guides_own_sql
proof/test_p5_online_upgrade_under_writers.py
    P5 proof    test_no_write_is_lost_stale_or_cut
    P5 proof    test_transactions_over_all_rows_do_not_make_it_endless
    P5 proof    test_one_update_that_is_held_does_not_make_it_endless
    P5 proof    test_ddl_in_the_middle_stops_it_by_name
    P5 negative test_the_judge_catches_a_copy_without_triggers
    P5 negative test_the_judge_names_what_is_lost_extra_stale_and_cut
proof/test_p6_forged_callbacks.py
    P6 proof    test_no_forgery_moves_money
    P6 proof    test_ids_that_are_guessed_find_nothing
    P6 control  test_a_true_signature_does_move_it
    P6 control  test_a_secret_that_cannot_sign_is_refused
    P6 negative test_the_checker_catches_a_relay_that_falls_for_it
proof/test_p6_who_states_units.py
    P6 proof    test_a_success_without_units_is_read_before_it_is_charged
    P6 proof    test_every_form_without_units_is_read_first
    P6 control  test_a_success_with_units_is_not_read
    P6 control  test_a_success_that_comes_right_after_a_reading_is_followed_up
    P6 proof    test_a_success_right_after_a_reading_ends_its_task_when_kling_is_away
    P6 control  test_an_unmetered_success_is_shown_to_the_operator
    P6 negative test_the_checker_catches_a_relay_that
proof/test_p7_no_secret_is_shown.py
    P7 proof   *
proof/test_p8_forward_compatible.py
    P8 proof   *
proof/test_p10_outside_numbers.py
    P10 proof    test_a_number_costs_no_more_than_its_bytes
    P10 proof    test_any_number_anywhere_is_taken_or_refused
    P10 negative test_the_checker_catches_a_number_without_bounds
    P10 negative test_the_checker_catches_a_sum_without_bounds
    P10 negative test_the_checker_catches_a_body_without_bounds
proof/test_p10_a_stopped_neighbour.py
    P10 proof    test_a_neighbour_that_stops_anywhere_keeps_nobody_waiting
    P10 proof    test_one_that_goes_on_after_minutes_sends_nothing_twice
    P10 proof    test_on_sqlite_health_tells_of_a_neighbour_that_has_stopped_in_a_write
    P10 control  test_an_order_that_never_reached_kling_is_made_again
    P10 negative test_without_the_limits_of_sessions_a_user_waits
proof/test_p10_health_tells_of_writes.py
    P10 proof    test_a_full_disk
    P10 proof    test_a_full_disk_of_a_server
    P10 proof    test_a_process_that_has_stopped_in_a_transaction_of_sqlite
    P10 proof    test_locked_tables
    P10 proof    test_a_global_read_lock
    P10 proof    test_a_longer_limit_for_a_backup
    P10 proof    test_a_server_that_is_read_only
    P10 proof    test_a_server_that_is_gone
    P10 proof    test_a_server_that_is_frozen
    P10 proof    test_one_users_locked_row_is_nobody_elses_trouble
    P10 proof    test_connections_that_are_used_up
    P10 proof    test_a_busy_relay_is_well
    P10 negative test_the_check_catches_a_health_that_only_reads
proof/test_p10_operators_traps.py
    P10 proof    test_a_token_that_can_be_guessed
    P10 proof    test_a_speed_in_front_of_something_that_is_no_emulator
    P10 proof    test_an_upstream_that_is_the_relay_itself
    P10 proof    test_a_database_that_cannot_be_used
    P10 proof    test_serve_on_the_database_of_a_relay
    P10 proof    test_no_secret_for_callbacks_and_guesses_behind_the_same_proxy
    P10 proof    test_open_tasks_that_were_deleted
    P10 proof    test_another_process_of_the_file_whose_clock_is_a_day_ahead
    P10 negative test_the_check_catches_a_serve_that_changes_a_channel
proof/test_p10_attacks.py
    P10 proof    test_an_attack_leaves_the_others_their_service
    P10 proof    test_the_sweeper_reads_the_tasks_of_a_channel_that_works
    P10 negative test_the_check_catches_a_relay_without_a_limit_of_connections
    P10 negative test_the_check_catches_a_relay_whose_channels_have_no_limit
    P10 negative test_the_check_catches_a_relay_that_has_ended
"""
