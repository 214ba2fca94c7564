from harness.command_line import main

main()
